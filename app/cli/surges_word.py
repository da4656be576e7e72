"""`sluice surges ack|silence|unsilence`: people's word on what spreads, as acts on `tickets.feedback`."""

import re
import time
from typing import Annotated

import typer

from app.cli.console import Bootstrap, Json, out, print_json
from app.cli.feedback import Actor, cluster_act, publish
from app.connect import logged_in
from app.settings import load_settings
from models.errors import Fatal
from schemas.contract import time_of, write_time
from schemas.feedback import ACKNOWLEDGED_FOR_S, FeedbackKind

Name = Annotated[
    str,
    typer.Argument(metavar="ID", help="A surge, or a cluster that is in force.", show_default=False),
]

_UNITS = {"m": 60, "h": 3_600, "d": 86_400}
_LONGEST_S = 30 * 86_400


def ack(
    name: Name,
    for_: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="How long, e.g. 90m, 2h or 1d. Not given: 4 hours."),
    ] = None,
    actor: Actor = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Say that somebody looks at a surge: it tells of its growth only once it has doubled twice, and of its end.

    Example: sluice surges ack s-1f2e3d4c5b6a --for 2h
    """
    seconds = ACKNOWLEDGED_FOR_S if for_ is None else seconds_of(for_)
    _say(FeedbackKind.ACKNOWLEDGED, name, seconds, actor, bootstrap, as_json)


def silence(
    name: Name,
    for_: Annotated[
        str, typer.Option("--for", metavar="TIME", help="How long, e.g. 90m, 2h or 1d.", show_default=False)
    ],
    actor: Actor = None,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Let nothing be told of a cluster's surges for a while; what still holds then is told then, also that it ended.

    Example: sluice surges silence c-1f2e3d4c5b6a --for 2h
    """
    _say(FeedbackKind.SILENCED, name, seconds_of(for_), actor, bootstrap, as_json)


def unsilence(name: Name, actor: Actor = None, bootstrap: Bootstrap = None, as_json: Json = False) -> None:
    """Take a silence back.

    Example: sluice surges unsilence c-1f2e3d4c5b6a
    """
    _say(FeedbackKind.UNSILENCED, name, None, actor, bootstrap, as_json)


def seconds_of(text: str) -> int:
    """The seconds of `90m`, `2h` or `1d`.

    Raises:
        Fatal: it is none of these, or longer than 30 days.
    """
    found = re.fullmatch(r"([1-9][0-9]{0,5})([mhd])", text.strip())
    if found is None or int(found[1]) * _UNITS[found[2]] > _LONGEST_S:
        raise Fatal("--for: give minutes, hours or days as 90m, 2h or 1d, 30 days at most")
    return int(found[1]) * _UNITS[found[2]]


def _say(
    kind: FeedbackKind,
    name: str,
    seconds: int | None,
    actor: str | None,
    bootstrap: str | None,
    as_json: bool,
) -> None:
    """Publish the act on the cluster that the name leads to, once that is known to be there."""
    from agents.surge_look import merged_into
    from app.recluster import generation_in_force
    from app.surges import cluster_for, read_surges

    settings = load_settings(bootstrap=bootstrap)
    kafka = logged_in(settings)
    surges = read_surges(settings, kafka)
    generation_id, generation = generation_in_force(settings, kafka)
    there = {cluster.id for cluster in generation.clusters}
    went, is_open = merged_into(generation), kind is FeedbackKind.ACKNOWLEDGED
    cluster_id = cluster_for(name, surges, there, went, is_open=is_open)
    until = None if seconds is None else time_of(time.time_ns() // 1_000_000 + seconds * 1000)
    told = publish(cluster_act(kind, cluster_id, {"until": until, "actor": actor}), settings)
    ends = None if until is None else write_time(until)
    if as_json:
        print_json({**told, "cluster": cluster_id, "generation": generation_id, "until": ends})
        return
    until_when = f" until {until:%Y-%m-%d %H:%M} UTC" if until is not None else ""
    out.print(
        f"told  {kind.value} {cluster_id}{until_when} ({told['feedback_id']})", highlight=False, markup=False
    )


def add_to(group: typer.Typer) -> None:
    """Put the commands into their group."""
    for command in (ack, silence, unsilence):
        group.command()(command)
