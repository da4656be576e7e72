"""How the `sluice` command speaks: text for people, JSON for machines, one line where something is wrong."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
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

Bootstrap = Annotated[
    str | None,
    typer.Option("--bootstrap", help="Kafka's address; else SLUICE_BOOTSTRAP, else the local broker's."),
]

KnowledgeFile = Annotated[
    Path | None,
    typer.Option(
        "--knowledge",
        metavar="FILE",
        help="Articles, as of `sluice knowledge import`: clusters are named by them, and they are published too.",
    ),
]


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
