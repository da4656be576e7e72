"""`sluice recluster`: the tickets of today become the next generation."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from agents.exits import Exit
from app.cli.console import Bootstrap, Json, KnowledgeFile, err, fail, out, print_json, progress
from app.connect import logged_in
from app.files.lines import BadRow
from app.settings import load_settings
from models.errors import Fatal

if TYPE_CHECKING:
    from app.recluster import Reclustered

_SHOWN = 20


def recluster(
    once: Annotated[
        bool, typer.Option("--once", help="Now, and end, as a CronJob wants it: the default.")
    ] = True,
    force: Annotated[
        bool, typer.Option("--force", help="Publish also what the churn budget or a guard refuses.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would change; publish nothing.")
    ] = False,
    knowledge: KnowledgeFile = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Cluster the tickets of `tickets.state` anew and put the result in force on every worker.

    Clusters keep their ids, names and owners, and take the title of the article of `tickets.knowledge` that is about
    them in place of a name of their own words; what was born, split, merged or died is told, and stays in the
    generation (`sluice clusters lineage`). Where it would be the one in force, nothing is published. Exit code 1 where
    the result is refused.

    Example: sluice recluster --once --dry-run --json
    """
    from app.knowledge import publish, read_file
    from app.recluster import publish_next
    from app.recluster import recluster as make_next
    from app.scratch import Told

    settings = load_settings(bootstrap=bootstrap)
    bad: list[BadRow] = []
    articles = read_file(knowledge, bad.append) if knowledge else {}
    kafka = logged_in(settings)
    with progress() as tell:
        told = Told(step=lambda line: err.print(f"[dim]·[/] {line}", highlight=False), progress=tell)
        found = make_next(settings, kafka, told, articles)
    publishes = not dry_run and not found.unchanged and (found.refusal is None or force)
    if publishes and articles:
        publish(articles, settings, kafka)
    for row in bad[:_SHOWN]:
        err.print(f"line {row.line}: {row.reason}", highlight=False, markup=False)
    name = publish_next(found, settings, kafka) if publishes else None
    if as_json:
        print_json({"generation": name, **found.report()})
    else:
        _print(name, found)
    if found.refusal is not None and not publishes and not dry_run and not found.unchanged:
        fail(Fatal(f"refused: {found.refusal}; --force puts it in force all the same"), Exit.FAILED)


def _print(name: str | None, found: "Reclustered") -> None:
    def say(line: str) -> None:
        out.print(line, highlight=False, markup=False)

    report: dict[str, Any] = found.report()
    if found.unchanged:
        say(f"generation   none published: {found.last} is still the one")
    else:
        say(f"generation   {name or 'none published'}, after {found.last}")
    left = ", ".join(f"{why} {count}" for why, count in found.left_out.items())
    say(f"tickets      {found.used} of {found.tickets}" + (f" (left out: {left})" if left else ""))
    say(f"clusters     {report['clusters']}, of them {report['kept']} as before")
    say(f"other owner  {report['moved']:.1%} of the tickets")
    for event in found.made.events[:_SHOWN]:
        say(f"  {line_of(event.change, event.cluster, event.other, event.share)}")
    if len(found.made.events) > _SHOWN:
        say(f"  and {len(found.made.events) - _SHOWN} more")


def line_of(change: str, cluster: str, other: str | None, share: float) -> str:
    """One event of a lineage as a sentence."""
    ways = {"split": f"split off {other}", "merged": f"went into {other}"}
    return f"{cluster} {ways.get(change, change)}" + (f" ({share:.0%} of its tickets)" if other else "")


def add_to(cli: typer.Typer) -> None:
    """Give the command line its `recluster`."""
    cli.command()(recluster)
