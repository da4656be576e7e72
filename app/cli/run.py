"""`sluice worker`: the Faust worker, in this process or in one that is started again when it ends."""

import os
import signal
import socket
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import structlog
import typer

from agents.exits import Exit, exit_for
from app.child import free_port
from app.cli.console import Bootstrap, fail
from app.connect import bootstrap_of, check_login
from app.logs import set_up_logs
from app.settings import Settings, kafka_options, load_settings
from app.supervise import Supervisor, worker_command
from models.errors import SluiceError

if TYPE_CHECKING:
    from app.worker import Parts

_log = structlog.get_logger(__name__)

# A broker that is there has answered by then, so that a wrong login is said before models are loaded.
_AT_ONCE_S = 1.0

# A worker waits for its brokers longer than a person would: nobody may be there to start it again.
_PATIENCE_S = 60.0


def worker(
    bootstrap: Bootstrap = None,
    web_port: Annotated[
        int | None,
        typer.Option("--web-port", min=0, max=65535, help="Health and metrics; 0 takes a free one."),
    ] = None,
    supervised: Annotated[
        bool, typer.Option("--supervised", help="Start it again when it ends of what a restart heals.")
    ] = False,
) -> None:
    """Route tickets until told to stop (SIGTERM, Ctrl-C).

    Exit codes: 0 stopped, 2 settings, 65 too many dead letters, 70 broken, 75 a restart helps.

    Example: SLUICE_BOOTSTRAP=kafka:9092 sluice worker --web-port 8080 --supervised
    """
    try:
        settings = load_settings(bootstrap=bootstrap, web_port=web_port)
        set_up_logs(settings.log_level, settings.log_format)
        if supervised:
            raise SystemExit(_supervise(settings))
        run_worker(settings)
    except SluiceError as error:
        fail(error, exit_for(error))


def run_worker(settings: Settings, parts: "Parts | None" = None) -> None:
    """Be a worker until told to stop; of other parts than its own where a test brings them.

    Raises:
        Fatal: a setting, the login or the encoder is wrong.
        Transient: no broker answers, or a topic is missing.
    """
    _ignore_user_signals()
    address = bootstrap_of(settings)
    with _logging_in(settings, address) as login:
        wait([login], _AT_ONCE_S)
        if login.done():
            login.result()

        from app.policies import encoder_spec
        from app.process import process_of  # heavy, Faust and all; nothing above needs it
        from app.worker import Parts, build_worker

        parts = parts or Parts()
        if not login.done():  # nobody is there yet: be ready when somebody is
            encoder = parts.encoder(encoder_spec(settings))
            parts = replace(parts, encoder=lambda _: encoder)
            if not login.done():
                _log.warning("waiting_for_brokers", address=address, up_to_s=_PATIENCE_S)
        login.result()

    try:
        process_of(build_worker(settings, address, parts)).execute_from_commandline()
    except SystemExit as end:
        if end.code:  # Faust itself gave up, and has said why
            raise SystemExit(Exit.RESTART.value) from None
        raise


@contextmanager
def _logging_in(settings: Settings, address: str) -> "Iterator[Future[None]]":
    """`check_login` beside what is done here; it ends with it, however that ends."""
    given_up = threading.Event()
    with ThreadPoolExecutor(1) as beside:
        try:
            yield beside.submit(check_login, kafka_options(settings, address), _PATIENCE_S, given_up)
        finally:
            given_up.set()


def _supervise(settings: Settings) -> int:
    """A worker of one instance name and one port through all its restarts."""
    _ignore_user_signals()
    address = bootstrap_of(settings)
    own = {
        "SLUICE_BOOTSTRAP": address,
        "SLUICE_INSTANCE": settings.instance or f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}",
        "SLUICE_WEB_PORT": str(settings.web_port or free_port()),
    }
    return Supervisor(worker_command([]), {**os.environ, **own}).run()


def _ignore_user_signals() -> None:
    """Unheeded, they would end a process: whoever sends them to every worker wants a word of it, not its end. What
    Faust would answer is said in `app/process.py`."""
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)


def add_to(cli: typer.Typer) -> None:
    """Put the command on the command line."""
    cli.command()(worker)
