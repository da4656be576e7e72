"""Logs: key/value lines on standard error, as JSON for machines or coloured for a person; never ticket text.

Libraries put exceptions into their messages, and an exception may quote what it failed on. So of every exception
only its type and the lines of code are told, whoever logs it and however.
"""

import logging
import sys
import threading
from collections.abc import Iterator
from types import TracebackType

import structlog

_LINES = 8
_OURS = frozenset({"level", "logger", "timestamp"})

_log = structlog.get_logger(__name__)


def set_up_logs(level: str, form: str) -> None:
    """Send every logger of the process, our own and the libraries', through one renderer; uncaught errors too.

    Args:
        level: debug, info, warning or error; libraries speak from warning on.
        form: "json" or "console".
    """
    shared: list[structlog.types.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        else structlog.dev.ConsoleRenderer()
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _without_values,
            renderer,
        ],
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    handler.addFilter(_name_exceptions)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for ours in ("app", "agents"):
        logging.getLogger(ours).setLevel(level.upper())
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_thread


def hush_faust_group() -> None:
    """Say no more of what aiokafka does, by which Faust holds a group of its own: where a stop meets its start,
    connections and tasks end in whatever state they are, and no ticket is among them."""
    for handler in logging.getLogger().handlers:
        handler.addFilter(_speaks_not_of_aiokafka)


def _speaks_not_of_aiokafka(record: logging.LogRecord) -> bool:
    return not record.name.startswith("aiokafka") and not (
        record.name == "asyncio" and "aiokafka" in record.getMessage()
    )


def _name_exceptions(record: logging.LogRecord) -> bool:
    """Faust logs `reason=%r` of what went wrong: the type takes the exception's place before the line is written."""
    if isinstance(record.args, tuple):
        record.args = tuple(map(_named, record.args))
    return True


def _named(value: object) -> object:
    return type(value).__name__ if isinstance(value, BaseException) else value


def _without_values(_: object, __: str, event: structlog.types.EventDict) -> structlog.types.EventDict:
    """The exception becomes its type and the lines of code; its words are taken out of the message as well."""
    event.pop("stack_info", None)
    error = _error_of(event.pop("exc_info", None))
    if error is None:
        return {name: _named(value) for name, value in event.items()}
    for name, value in event.items():
        if name not in _OURS:
            event[name] = _without_words(value, error) if isinstance(value, str) else _named(value)
    event["error"] = type(error).__name__
    event["trace"] = [
        f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno} {trace.tb_frame.f_code.co_name}"
        for trace in _traces(error.__traceback__)
    ][-_LINES:]
    return event


def _error_of(exc_info: object) -> BaseException | None:
    """What `exc_info` stands for: true, an exception, or the triple of `sys.exc_info`."""
    if isinstance(exc_info, BaseException):
        return exc_info
    if isinstance(exc_info, tuple):
        return exc_info[1] if isinstance(exc_info[1], BaseException) else None
    return sys.exc_info()[1] if exc_info else None


def _without_words(text: str, error: BaseException) -> str:
    for link in _chain(error):
        for words in (repr(link), str(link)):
            if words:
                text = text.replace(words, type(link).__name__)
    return text


def _chain(error: BaseException) -> list[BaseException]:
    """The error and what led to it."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        link = waiting.pop()
        if link is not None and link not in found:
            found.append(link)
            waiting += [link.__cause__, link.__context__]
    return found


def _traces(trace: TracebackType | None) -> Iterator[TracebackType]:
    while trace is not None:
        yield trace
        trace = trace.tb_next


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    _log.critical("uncaught", exc_info=(kind, error, trace))


def _uncaught_in_thread(said: threading.ExceptHookArgs) -> None:
    name = said.thread.name if said.thread else None
    _log.critical("uncaught", thread=name, exc_info=(said.exc_type, said.exc_value, said.exc_traceback))
