"""`sluice worker`: the Faust worker, in this process."""

import logging
from typing import Annotated

import typer

from agents.exits import exit_for
from app.cli.console import fail
from app.connect import bootstrap_of, check_login
from app.logs import set_up_logs
from app.settings import Settings, kafka_options, load_settings
from models.errors import SluiceError

Bootstrap = Annotated[
    str | None,
    typer.Option("--bootstrap", help="Kafka's address; else SLUICE_BOOTSTRAP, else the local broker's."),
]


def worker(
    bootstrap: Bootstrap = None,
    web_port: Annotated[
        int | None,
        typer.Option("--web-port", min=0, max=65535, help="Health and metrics; 0 takes a free one."),
    ] = None,
) -> None:
    """Route tickets until told to stop (SIGTERM, Ctrl-C).

    Example: SLUICE_BOOTSTRAP=kafka:9092 sluice worker --web-port 8080
    """
    try:
        _run(load_settings(bootstrap=bootstrap, web_port=web_port))
    except SluiceError as error:
        fail(error, exit_for(error))


def _run(settings: Settings) -> None:
    address = bootstrap_of(settings)
    check_login(kafka_options(settings, address))

    import faust  # heavy; nothing above needs it

    from app.worker import build_worker

    set_up_logs(settings.log_level, settings.log_format)
    faust.Worker(
        build_worker(settings, address),
        loglevel=logging.WARNING,
        override_logging=False,
        quiet=True,  # else a spinner turns on standard output
        redirect_stdouts=False,
    ).execute_from_commandline()


def add_to(cli: typer.Typer) -> None:
    """Put the command on the command line."""
    cli.command()(worker)
