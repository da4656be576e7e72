"""What commands that find the problems in labelled files are asked with."""

from pathlib import Path
from typing import Annotated

import typer

Files = Annotated[
    list[Path],
    typer.Argument(help="CSV, TSV or JSON Lines, also .gz; several are one history.", show_default=False),
]
TextColumn = Annotated[str, typer.Option("--text", help="Text column; several joined by +, e.g. title+body.")]
ProblemColumn = Annotated[str, typer.Option("--label", help="Column of the problem that people named.")]
Split = Annotated[str | None, typer.Option("--split", help="Take only rows whose column split says so.")]
Outside = Annotated[str, typer.Option("--oos-label", help="Label of rows that are left out.")]
