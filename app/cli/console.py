"""The `sluice` command: its groups, how it speaks, and what it exits with."""

import sys
from typing import Annotated, Any, NoReturn

import orjson
import typer
from rich.console import Console

from agents.exits import Exit, exit_for
from models.errors import SluiceError

out = Console()
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines instead of text.")]


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    sys.stdout.buffer.write(orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n")
    sys.stdout.flush()


def fail(error: SluiceError) -> NoReturn:
    """Say what is wrong in one line, and exit with its code."""
    err.print(f"[bold red]sluice:[/] {error}", highlight=False, markup=True, soft_wrap=True)
    raise SystemExit(exit_for(error).value)


def build() -> typer.Typer:
    """The whole command line. Commands are imported here, so that `--help` does not load the models."""
    from app.cli import broker, run, topics

    cli = typer.Typer(
        help="Route support tickets by meaning, and hear of new problems first.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    cli.add_typer(broker.app, name="broker")
    cli.add_typer(topics.app, name="topics")
    run.add_to(cli)
    return cli


def main() -> NoReturn:
    """Entry point of `sluice`: 0 ok, 1 failed, 2 bad usage or settings; a worker's own codes are in agents/exits."""
    try:
        build()()
    except SluiceError as error:
        fail(error)
    except KeyboardInterrupt:
        err.print("sluice: stopped")
        raise SystemExit(Exit.FAILED.value) from None
    raise SystemExit(0)
