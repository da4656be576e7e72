"""`sluice clusters show`: all that is known of one cluster."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.console import Bootstrap, Json, out, print_json
from app.cli.recluster import line_of
from app.connect import logged_in
from app.settings import load_settings
from models.errors import Fatal
from models.generation import Cluster, LineageEvent, NamedBy

if TYPE_CHECKING:
    from models.recluster.word import Word

_NAMED = {
    NamedBy.TERMS: "by its tickets' words",
    NamedBy.ARTICLE: "by article",
    NamedBy.PERSON: "by a person",
}


def show(
    cluster_id: Annotated[
        str, typer.Argument(metavar="ID", help="A cluster that is in force.", show_default=False)
    ],
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """All that is known of a cluster: its name and owner and where they come from, people's word, lineage, examples.

    Example: sluice clusters show c-1f2e3d4c5b6a
    """
    from app.recluster import generation_in_force
    from app.states import states_of
    from app.word import word_in_force
    from models.recluster.lineage import lineage_of

    settings = load_settings(bootstrap=bootstrap)
    kafka = logged_in(settings)
    name, generation = generation_in_force(settings, kafka)
    cluster = next((one for one in generation.clusters if one.id == cluster_id), None)
    if cluster is None:
        raise Fatal(f"no cluster {cluster_id} in {name}: sluice clusters list, or lineage {cluster_id}")
    said = said_of(cluster_id, word_in_force(settings, kafka, generation))
    events = lineage_of(generation.lineage, cluster_id)
    states = states_of(cluster.examples, settings, kafka)
    titles = {one: states[one].title if one in states else None for one in cluster.examples}
    if as_json:
        print_json(
            {
                "generation": name,
                **asdict(cluster),
                "word": said,
                "lineage": [asdict(event) for event in events],
                "examples": [{"ticket_id": one, "title": title} for one, title in titles.items()],
            }
        )
        return
    for line in lines_of(cluster, said, events, titles):
        out.print(line, highlight=False, markup=False)


def said_of(cluster_id: str, word: "Word") -> dict[str, Any]:
    """People's word on a cluster, also where no reclustering has heeded it yet."""
    from models.recluster.parts import MOST_PARTS

    return {
        "bound": word.bound.get(cluster_id),
        "named": word.named.get(cluster_id),
        "pinned": cluster_id in word.pinned,
        "merged_into": word.into().get(cluster_id),
        "merged": sorted(one for one, end in word.into().items() if end == cluster_id),
        "split": [
            {"cluster": split.cluster, "at_ms": split.at_ms, "examples": split.examples}
            for split in word.splits
            if cluster_id in {split.cluster, *(split.part(number) for number in range(MOST_PARTS))}
        ],
    }


def lines_of(
    cluster: Cluster, said: dict[str, Any], events: list[LineageEvent], titles: dict[str, str | None]
) -> Iterator[str]:
    """What is shown to a person."""
    by = _NAMED[cluster.named] + (f" {cluster.kb_article_id}" if cluster.kb_article_id else "")
    marks = [mark for mark, holds in (("pinned", cluster.pinned), ("described", cluster.described)) if holds]
    yield f"{cluster.id}  {cluster.name}" + (f"  ({', '.join(marks)})" if marks else "")
    yield f"named     {by}"
    yield f"owner     {_whose(cluster)}"
    yield f"tickets   {cluster.size:,}"
    yield f"keywords  {', '.join(cluster.keywords) or 'none'}"
    word = list(_word_lines(said))
    yield from _list("people's word", word)
    yield from _list(
        "lineage",
        [f"{_minute(one.at_ms)}  {line_of(one.change, one.cluster, one.other, one.share)}" for one in events],
    )
    yield from _list("examples", [f"{one}  {title or '(gone)'}" for one, title in titles.items()])


def _whose(cluster: Cluster) -> str:
    if cluster.owner is None:
        return "nobody" + (f"; {cluster.proposed} is proposed" if cluster.proposed else "")
    share = cluster.owner_share
    return cluster.owner + (
        "" if share is None else f", by at least {share:.0%} of people's word on its problem"
    )


def _word_lines(said: dict[str, Any]) -> Iterator[str]:
    if said["bound"] is not None:
        yield f"bound to {said['bound']}"
    if said["named"] is not None:
        yield f"called {said['named']}"
    if said["pinned"]:
        yield "pinned"
    if said["merged_into"] is not None:
        yield f"the same as {said['merged_into']}"
    for other in said["merged"]:
        yield f"{other} is the same"
    for split in said["split"]:
        how = f"{len(split['examples'])} by examples" if split["examples"] else "as the clusterer finds them"
        yield f"{_minute(split['at_ms'])}  {split['cluster']} is several problems, {how}"


def _list(title: str, lines: list[str]) -> Iterator[str]:
    if lines:
        yield title
        yield from (f"  {line}" for line in lines)


def _minute(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M} UTC"


def add_to(group: typer.Typer) -> None:
    """Put the command into its group."""
    group.command()(show)
