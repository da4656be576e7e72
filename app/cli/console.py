"""The `sluice` command: its groups, how it speaks, and what it exits with."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import orjson
import rich.progress
import typer
from rich.console import Console
from rich.markup import escape

from agents.exits import Exit, exit_for
from models.errors import SluiceError

Progress = Callable[[int, int], None]

out = Console()
err = Console(stderr=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object for machines instead of text.")]


def print_json(value: Any) -> None:
    """One JSON object on standard output."""
    sys.stdout.buffer.write(
        orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY) + b"\n"
    )
    sys.stdout.flush()


@contextmanager
def progress() -> Iterator[Progress]:
    """A bar that is told (done, total) of one piece of work after another; silent where nobody looks at it.

    What is told with done == total ends a piece; the next one begins a new line.
    """
    bar = rich.progress.Progress(
        rich.progress.TextColumn("  {task.description}"),
        rich.progress.BarColumn(),
        rich.progress.MofNCompleteColumn(),
        rich.progress.TimeRemainingColumn(elapsed_when_finished=True),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    task: rich.progress.TaskID | None = None

    def tell(done: int, total: int) -> None:
        nonlocal task
        if task is None:
            task = bar.add_task("", total=total)
        bar.update(task, completed=done, total=total)
        if done >= total:
            bar.remove_task(task)
            task = None

    with bar:
        yield tell


def fail(error: SluiceError, code: Exit | None = None) -> NoReturn:
    """Say what is wrong in one line, and exit: with `code`, or 2 where usage or settings are at fault, else 1.

    Only a worker's supervisor needs to know more, and only `sluice worker` gives a code.
    """
    err.print(f"[bold red]sluice:[/] {escape(str(error))}", highlight=False, soft_wrap=True)
    if code is None:
        code = Exit.USAGE if exit_for(error) is Exit.USAGE else Exit.FAILED
    raise SystemExit(code.value)


def build() -> typer.Typer:
    """The whole command line.

    A command imports what is heavy (Faust, the models) where it runs, so that `--help` and a slip of the keyboard
    are answered at once.
    """
    from app.cli import bench, broker, demo, imports, learn, run, topics

    cli = typer.Typer(
        help="Route support tickets by meaning, and hear of new problems first.",
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
    )
    cli.add_typer(bench.app, name="bench")
    cli.add_typer(broker.app, name="broker")
    cli.add_typer(topics.app, name="topics")
    for commands in (demo, imports, learn, run):
        commands.add_to(cli)
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
