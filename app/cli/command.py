"""The `sluice` command: its groups, put together."""

from typing import NoReturn

import typer

from agents.exits import Exit
from app.cli.console import err, fail
from app.logs import set_up_logs
from models.errors import SluiceError


def build() -> typer.Typer:
    """The whole command line.

    A command imports what is heavy (Faust, the models) where it runs, so that `--help` and a slip of the keyboard
    are answered at once.
    """
    from app.cli import (
        bench,
        broker,
        clusters,
        demo,
        evaluate,
        evaluate_surge,
        explain,
        feedback,
        imports,
        knowledge,
        learn,
        recluster,
        run,
        shadow,
        surges,
        topics,
    )

    cli = typer.Typer(
        help="Route support tickets by meaning, and hear of new problems first.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    cli.add_typer(bench.app, name="bench")
    cli.add_typer(broker.app, name="broker")
    cli.add_typer(clusters.app, name="clusters")
    cli.add_typer(evaluate.app, name="evaluate")
    cli.add_typer(knowledge.app, name="knowledge")
    cli.add_typer(shadow.app, name="shadow")
    cli.add_typer(surges.app, name="surges")
    cli.add_typer(topics.app, name="topics")
    evaluate_surge.add_to(evaluate.app)
    for commands in (demo, imports, learn, recluster, run, feedback, explain):
        commands.add_to(cli)
    return cli


def main() -> NoReturn:
    """Entry point of `sluice`: 0 ok, 1 failed, 2 bad usage or settings; a worker's own codes are in agents/exits."""
    set_up_logs(
        "warning", "console"
    )  # standard output is a command's own; some set them up anew, by settings
    try:
        build()()
    except SluiceError as error:
        fail(error)
    except KeyboardInterrupt:
        err.print("sluice: stopped")
        raise SystemExit(Exit.FAILED.value) from None
    raise SystemExit(0)
