"""`sluice clusters bind|merge|split|rename|pin|unpin`: people's word on a cluster, as acts on `tickets.feedback`."""

from typing import Annotated

import typer

from app.cli.console import Bootstrap, Json, out, print_json
from app.cli.feedback import Actor, cluster_act, publish
from app.connect import logged_in
from app.settings import load_settings
from models.errors import Fatal
from schemas.feedback import FeedbackKind

ClusterId = Annotated[
    str, typer.Argument(metavar="ID", help="A cluster that is in force.", show_default=False)
]

_AT_ONCE = "every worker heeds it at once"
_LATER = "it holds from the next reclustering on: sluice recluster --once"


def bind(
    cluster_id: ClusterId,
    team: Annotated[str, typer.Argument(metavar="TEAM", help="Whose it is.", show_default=False)],
    actor: Actor = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Say whose a cluster is, whoever has handled its tickets.

    Example: sluice clusters bind c-1f2e3d4c5b6a payments
    """
    _say(FeedbackKind.BOUND, cluster_id, {"owner": team, "actor": actor}, bootstrap, as_json)


def merge(
    cluster_id: ClusterId,
    into: Annotated[str, typer.Argument(metavar="INTO", help="The cluster that stays.", show_default=False)],
    actor: Actor = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Say that a cluster is the same problem as another.

    Example: sluice clusters merge c-1f2e3d4c5b6a c-0a9b8c7d6e5f
    """
    if cluster_id == into:
        raise Fatal(f"{cluster_id} cannot be merged into itself")
    _say(FeedbackKind.MERGED, cluster_id, {"into_cluster_id": into, "actor": actor}, bootstrap, as_json)


def split(
    cluster_id: ClusterId,
    examples: Annotated[
        list[str] | None,
        typer.Option(
            "--examples",
            metavar="TICKETS",
            help="Tickets of one of the problems, with commas between; once for each problem.",
        ),
    ] = None,
    actor: Actor = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Say that a cluster is several problems: those of which you give examples, or else as the clusterer finds them.

    What was merged with it before is taken back.

    Example: sluice clusters split c-1f2e3d4c5b6a --examples CRM-1,CRM-2 --examples CRM-3
    """
    fields: dict[str, object] = {"actor": actor, "examples": lists_of(examples) if examples else None}
    _say(FeedbackKind.SPLIT, cluster_id, fields, bootstrap, as_json)


def rename(
    cluster_id: ClusterId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called.", show_default=False)],
    actor: Actor = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Say what a cluster is called.

    Example: sluice clusters rename c-1f2e3d4c5b6a "Card payments refused"
    """
    _say(FeedbackKind.RENAMED, cluster_id, {"name": name, "actor": actor}, bootstrap, as_json)


def pin(
    cluster_id: ClusterId, actor: Actor = None, bootstrap: Bootstrap = None, as_json: Json = False
) -> None:
    """Say that a cluster stays as it is: nothing is taken out of it or joined to it by reclustering.

    Example: sluice clusters pin c-1f2e3d4c5b6a
    """
    _say(FeedbackKind.PINNED, cluster_id, {"actor": actor}, bootstrap, as_json)


def unpin(
    cluster_id: ClusterId, actor: Actor = None, bootstrap: Bootstrap = None, as_json: Json = False
) -> None:
    """Take back that a cluster stays as it is.

    Example: sluice clusters unpin c-1f2e3d4c5b6a
    """
    _say(FeedbackKind.UNPINNED, cluster_id, {"actor": actor}, bootstrap, as_json)


def lists_of(examples: list[str]) -> list[list[str]]:
    """The tickets of each problem.

    Raises:
        Fatal: fewer than two lists, an empty one, or a ticket in two.
    """
    lists = [[name.strip() for name in given.split(",") if name.strip()] for given in examples]
    if len(lists) < 2 or not all(lists):
        raise Fatal("--examples: give it once for each problem, two or more, with a ticket at least")
    told: set[str] = set()
    for names in lists:
        for name in sorted(told & set(names)):
            raise Fatal(f"--examples: {name} cannot be of two problems")
        told |= set(names)
    return lists


def _say(
    kind: FeedbackKind,
    cluster_id: str,
    fields: dict[str, object],
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Publish the act, once the clusters that it names are known to be in force, and the tickets to exist."""
    from app.recluster import generation_in_force
    from app.states import states_of

    settings = load_settings(bootstrap=bootstrap)
    kafka = logged_in(settings)
    act = cluster_act(kind, cluster_id, fields)
    name, generation = generation_in_force(settings, kafka)
    there = {cluster.id for cluster in generation.clusters}
    for wanted in (act.cluster_id, act.into_cluster_id):
        if wanted is not None and wanted not in there:
            raise Fatal(f"no cluster {wanted} in {name}: sluice clusters list, or lineage {wanted}")
    tickets = [ticket for tickets in act.examples or () for ticket in tickets]
    known = states_of(tickets, settings, kafka)
    for ticket in tickets:
        if ticket not in known:
            raise Fatal(f"--examples: no ticket {ticket} is known")
    told = publish(act, settings)
    if as_json:
        print_json({**told, "cluster": cluster_id, "generation": name, "at_once": kind is FeedbackKind.BOUND})
        return
    out.print(f"told  {kind.value} {cluster_id} ({act.feedback_id})", highlight=False, markup=False)
    out.print(_AT_ONCE if kind is FeedbackKind.BOUND else _LATER, highlight=False, markup=False)


def add_to(group: typer.Typer) -> None:
    """Put the commands into their group."""
    for command in (bind, merge, split, rename, pin, unpin):
        group.command()(command)
