"""`sluice knowledge`: the articles that clusters are named by."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.console import Bootstrap, Json, out, print_json
from app.connect import logged_in
from app.files.lines import BadRow
from app.settings import load_settings

_SHOWN = 20

app = typer.Typer(help="The articles that clusters are named by.", no_args_is_help=True)


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="CSV, TSV or JSON Lines, also .gz.", show_default=False)
    ],
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Put the articles of a file into `tickets.knowledge`; the next reclustering names clusters by them.

    Columns: article_id (or id), title and, where there is one, text (or body). An article takes the place of the one
    of its id; the others stay.

    Example: sluice knowledge import articles.csv
    """
    from app.knowledge import publish, read_file

    settings, bad = load_settings(bootstrap=bootstrap), list[BadRow]()
    articles = read_file(file, bad.append)
    kafka = logged_in(settings)
    publish(articles, settings, kafka)
    if as_json:
        print_json({"articles": len(articles), "bad_rows": len(bad)})
        return
    for row in bad[:_SHOWN]:
        out.print(f"line {row.line}: {row.reason}", highlight=False, markup=False)
    out.print(f"{len(articles)} articles, {len(bad)} bad rows", highlight=False)


@app.command()
def remove(
    article_ids: Annotated[list[str], typer.Argument(metavar="ID...", show_default=False)],
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Take articles out of `tickets.knowledge`; clusters that they named are named by their own words again.

    Example: sluice knowledge remove KB-311
    """
    from app.knowledge import publish

    settings = load_settings(bootstrap=bootstrap)
    kafka = logged_in(settings)
    publish(dict.fromkeys(article_ids), settings, kafka)
    if as_json:
        print_json({"removed": article_ids})
        return
    out.print(f"{len(article_ids)} removed", highlight=False)
