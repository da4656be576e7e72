"""Logs tell the type of an exception and where it was, and never its words, whoever logs it and however."""

import asyncio
import io
import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
import structlog

from app.logs import hush_faust_group, set_up_logs

SECRET = "Zaphod 13812345678"

Speak = Callable[[str], io.StringIO]


@pytest.fixture
def speak(monkeypatch: pytest.MonkeyPatch) -> Iterator[Speak]:
    """Sets logs up in a form; what is logged then stands in the stream that it gives. All is as before after."""
    root, hooks = logging.getLogger(), (sys.excepthook, threading.excepthook)
    handlers, level = list(root.handlers), root.level

    def set_up(form: str) -> io.StringIO:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        set_up_logs("info", form)
        return stream

    yield set_up
    root.handlers[:] = handlers
    root.setLevel(level)
    sys.excepthook, threading.excepthook = hooks
    for ours in ("app", "agents"):
        logging.getLogger(ours).setLevel(logging.NOTSET)
    structlog.reset_defaults()


def failing() -> Exception:
    """An error that quotes a ticket, caused by another that does."""
    try:
        try:
            raise KeyError(SECRET)
        except KeyError as cause:
            raise ValueError(f"cannot bear\n{SECRET}") from cause
    except ValueError as error:
        return error


def caught(log: Callable[[Exception], object]) -> None:
    """Call `log` while the error is being handled."""
    try:
        raise failing()
    except ValueError as error:
        log(error)


def thread_dies() -> None:
    def die() -> None:
        raise failing()

    thread = threading.Thread(target=die, name="collector")
    thread.start()
    thread.join()


def task_dies() -> None:
    """A task whose error nobody asks for: asyncio writes the error into the message itself."""

    async def die() -> None:
        raise failing()

    async def run() -> None:
        task = asyncio.ensure_future(die())
        await asyncio.wait([task])

    asyncio.run(run())


def foreign() -> logging.Logger:
    return logging.getLogger("faust.app")


def own() -> structlog.stdlib.BoundLogger:
    return structlog.get_logger("agents.test")  # type: ignore[no-any-return]


WAYS: dict[str, Callable[[], None]] = {
    "ours-exception": lambda: caught(lambda _: own().exception("failed")),
    "ours-exc-info-true": lambda: caught(lambda _: own().error("failed", exc_info=True)),
    "ours-exc-info-the-error": lambda: own().error("failed", exc_info=failing()),
    "ours-error-as-a-value": lambda: own().error("failed", error=failing()),
    "theirs-exception": lambda: caught(lambda _: foreign().exception("failed")),
    "theirs-error-as-argument": lambda: caught(lambda error: foreign().error("failed reason=%r", error)),
    "theirs-both": lambda: caught(lambda error: foreign().exception("failed reason=%r", error)),
    "theirs-error-in-the-message": lambda: caught(lambda error: foreign().exception(f"failed: {error}")),
    "theirs-repr-in-the-message": lambda: caught(lambda error: foreign().exception(f"failed: {error!r}")),
    "theirs-cause-in-the-message": lambda: caught(
        lambda error: foreign().exception(f"failed: {error.__cause__}")
    ),
    "uncaught": lambda: sys.excepthook(ValueError, failing(), None),
    "uncaught-in-a-thread": thread_dies,
    "unasked-task": task_dies,
}


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
def test_an_exception_is_told_by_its_type_alone(speak: Speak, form: str, way: Callable[[], None]) -> None:
    stream = speak(form)
    way()
    said = stream.getvalue()
    assert "ValueError" in said or "KeyError" in said
    assert "Zaphod" not in said
    assert "13812345678" not in said


def test_an_exception_is_told_with_its_place(speak: Speak) -> None:
    stream = speak("json")
    caught(lambda _: own().exception("failed", tickets=3))
    line = json.loads(stream.getvalue())
    assert (line["event"], line["tickets"], line["error"]) == ("failed", 3, "ValueError")
    assert (line["level"], line["logger"]) == ("error", "agents.test")
    assert [place.rpartition(" ")[2] for place in line["trace"]] == ["caught", "failing"]


def test_a_short_message_does_not_eat_the_line(speak: Speak) -> None:
    stream = speak("json")
    own().error("failed", exc_info=ValueError("e"))
    assert json.loads(stream.getvalue())["level"] == "error"


def test_each_line_is_one_json_object_in_the_writers_own_script(speak: Speak) -> None:
    stream = speak("json")
    own().info("joined", team="物联网", text="two\nlines")
    foreign().warning("slow: %d ms", 7)
    ours, theirs = map(json.loads, stream.getvalue().splitlines())
    assert (ours["event"], ours["team"], ours["text"]) == ("joined", "物联网", "two\nlines")
    assert "物联网" in stream.getvalue()
    assert (theirs["event"], theirs["level"]) == ("slow: 7 ms", "warning")


def test_libraries_speak_from_warning_on(speak: Speak) -> None:
    stream = speak("json")
    foreign().info("chatter")
    own().debug("detail")
    own().info("news")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["news"]


def test_the_end_of_fausts_own_group_is_not_told_and_all_else_is(speak: Speak) -> None:
    stream = speak("json")

    def end() -> list[str]:
        stream.seek(0)
        stream.truncate()
        logging.getLogger("aiokafka.consumer.group_coordinator").error("Error sending OffsetFetchRequest")
        for module in ("aiokafka/consumer/fetcher.py:562", "agents/feed.py:90"):
            logging.getLogger("asyncio").error("Task was destroyed but it is pending! %s", module)
        logging.getLogger("agents.feed").error("wire_broke")
        return [json.loads(line)["event"].rpartition(" ")[2] for line in stream.getvalue().splitlines()]

    assert end() == [
        "OffsetFetchRequest",
        "aiokafka/consumer/fetcher.py:562",
        "agents/feed.py:90",
        "wire_broke",
    ]
    hush_faust_group()
    assert end() == ["agents/feed.py:90", "wire_broke"]
