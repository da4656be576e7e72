"""`sluice worker`: the Faust worker, in this process."""

import logging
from typing import Annotated

import typer

from app.connect import bootstrap_of
from app.logs import set_up_logs
from app.settings import load_settings

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
    import faust

    from app.worker import build_worker

    settings = load_settings(bootstrap=bootstrap, web_port=web_port)
    set_up_logs(settings.log_level, settings.log_format)
    app = build_worker(settings, bootstrap_of(settings))
    faust.Worker(
        app, loglevel=logging.WARNING, override_logging=False, redirect_stdouts=False
    ).execute_from_commandline()


def add_to(cli: typer.Typer) -> None:
    """Put the command on the command line."""
    cli.command()(worker)
