"""`sluice clusters`: the clusters of the generation in force, where they came from, and what people say of them."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from app.cli import clusters_show, clusters_word
from app.cli.console import Bootstrap, Json, out, print_json
from app.cli.recluster import line_of
from app.connect import logged_in
from app.settings import load_settings
from models.errors import Fatal
from models.generation import Cluster, Generation
from schemas.contract import time_of
from schemas.feedback import Feedback, FeedbackKind

app = typer.Typer(
    help="The clusters of the generation in force, and what people say of them: their word is final.",
    no_args_is_help=True,
)
clusters_show.add_to(app)
clusters_word.add_to(app)


@app.command("list")
def list_them(bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """All clusters, the largest first.

    Example: sluice clusters list --json
    """
    name, generation = _in_force(bootstrap)
    clusters = sorted(generation.clusters, key=lambda cluster: (-cluster.size, cluster.id))
    if as_json:
        print_json({"generation": name, "clusters": [asdict(cluster) for cluster in clusters]})
        return
    table = Table("cluster", "name", "named by", "owner", "sure", "tickets")
    for cluster in clusters:
        table.add_row(*row_of(cluster))
    out.print(table)


def row_of(one: Cluster) -> list[Text]:
    """A cluster as a row of the list. Names are people's words: what stands in brackets is no markup."""
    return [Text(cell) for cell in (one.id, one.name, one.named, *_whose(one), f"{one.size:,}")]


@app.command()
def lineage(
    cluster_id: Annotated[
        str, typer.Argument(help="A cluster's id, also of one that is no more.", show_default=False)
    ],
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """What a cluster came from and what became of it, and of those, the oldest first.

    Example: sluice clusters lineage c-1f2e3d4c5b6a
    """
    from models.recluster.lineage import lineage_of

    name, generation = _in_force(bootstrap)
    events = lineage_of(generation.lineage, cluster_id)
    there = any(cluster.id == cluster_id for cluster in generation.clusters)
    if not events and not there:
        raise Fatal(f"no cluster {cluster_id} in {name} or in what it remembers")
    if as_json:
        print_json(
            {
                "generation": name,
                "cluster": cluster_id,
                "in_force": there,
                "events": [asdict(one) for one in events],
            }
        )
        return
    out.print(f"{cluster_id} is {'in force' if there else 'no more'}", highlight=False, markup=False)
    for event in events:
        at = datetime.fromtimestamp(event.at_ms / 1000, UTC)
        line = line_of(event.change, event.cluster, event.other, event.share)
        out.print(f"  {at:%Y-%m-%d %H:%M} UTC  {line}", highlight=False, markup=False)


@app.command()
def add(
    name: Annotated[str, typer.Option(help="What it is called.", show_default=False)],
    description: Annotated[
        str, typer.Option(help="What its tickets are about, in a sentence or two.", show_default=False)
    ],
    team: Annotated[str, typer.Option(help="The team that solves it.", show_default=False)],
    id: Annotated[str | None, typer.Option(help="Its id. Not given: one of the team and the name.")] = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """A cluster that has no tickets yet: all workers know it at once, by its name and description alone.

    A description that says what customers write, in their words and language, finds most of them.

    Example: sluice clusters add --name 智能门锁离线告警 --description "门锁固件升级后不断收到离线告警" --team 物联网
    """
    import time
    import uuid

    from app.cli.feedback import publish
    from models.recluster.first_generation import cluster_id

    settings = load_settings(bootstrap=bootstrap)
    fields = {
        "feedback_id": uuid.uuid4().hex,
        "kind": FeedbackKind.ADDED,
        "cluster_id": id or cluster_id(team, name),
        "name": name,
        "description": description,
        "owner": team,
        "at": time_of(time.time_ns() // 1_000_000),
    }
    try:
        act = Feedback.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        raise Fatal(f"{'.'.join(map(str, first['loc'])) or 'cluster'}: {first['msg']}") from None
    publish(act, settings)
    if as_json:
        print_json({"cluster": act.cluster_id, "feedback_id": act.feedback_id, "owner": team})
        return
    out.print(f"{act.cluster_id} is {team}'s", highlight=False, markup=False)


def _whose(cluster: Cluster) -> tuple[str, str]:
    """Its owner, or who is proposed, and how surely people's word says so."""
    if cluster.owner is None:
        return (f"nobody ({cluster.proposed} proposed)" if cluster.proposed else "nobody"), "-"
    return cluster.owner, "-" if cluster.owner_share is None else f"{cluster.owner_share:.0%}"


def _in_force(bootstrap: str | None) -> tuple[str, Generation]:
    from app.recluster import generation_in_force

    settings = load_settings(bootstrap=bootstrap)
    kafka = logged_in(settings)
    return generation_in_force(settings, kafka)
