"""Surges as they stand in `tickets.surges`, for people who ask."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from typing import Any

from agents.follower import Lookup
from agents.state import end_if_newer
from agents.topics import TopicNames
from agents.wire import Record
from app.settings import Settings
from models.errors import Fatal
from schemas.codec import decode
from schemas.surge import Surge, SurgeKind, SurgeStatus
from schemas.unreadable import Unreadable


def read_surges(settings: Settings, kafka: dict[str, Any]) -> list[Surge]:
    """Of every surge that the topic still holds the last state, the one that was told last first.

    Raises:
        Transient: no broker answers, or the topic is missing.
        Fatal: a newer version of Sluice wrote one.
    """
    found: dict[bytes, Surge] = {}

    def feed(record: Record) -> None:
        key, value = record.key() or b"", record.value()
        found.pop(key, None)
        if value is None:
            return
        try:
            found[key] = decode(Surge, value)
        except Unreadable as error:
            end_if_newer(record, error)

    topic = TopicNames(settings.topic_prefix).surges
    with closing(Lookup(kafka)) as lookup:
        lookup.read(topic, range(lookup.count(topic)), feed)
    return newest_first(found.values())


def newest_first(surges: Iterable[Surge]) -> list[Surge]:
    """Those that fire first, of these and of the others the one that was told last."""
    return sorted(
        sorted(surges, key=lambda one: (one.updated_at, one.surge_id), reverse=True),
        key=lambda one: one.status is SurgeStatus.RESOLVED,
    )


def surge_named(name: str, surges: Sequence[Surge]) -> Surge | None:
    """The surge of this id, or the first that has a cluster of this id; `surges` stand as `read_surges` has them."""
    by_id = next((one for one in surges if one.surge_id == name), None)
    return by_id or next((one for one in surges if name in one.cluster_ids), None)


def cluster_for(
    name: str, surges: Sequence[Surge], there: Collection[str], went: Mapping[str, str], *, is_open: bool
) -> str:
    """The cluster that people's word on a surge is said of: the lead of the one that is named, or that fires with the
    cluster that is named, as it is called now; else that cluster itself.

    Args:
        there: the clusters in force.
        went: where those are that were merged since. A surge that fires follows its clusters there, also where nothing
            was told of it since.
        is_open: the word is of a surge that fires, and of nothing else.

    Raises:
        Fatal: there is nothing that such a word could be said of.
    """
    surge = next((one for one in surges if one.surge_id == name), None) or next(
        (
            one
            for one in surges
            if one.status is SurgeStatus.FIRING
            and any(name in (cluster_id, went.get(cluster_id)) for cluster_id in one.cluster_ids)
        ),
        None,
    )
    if surge is not None and surge.kind is SurgeKind.EMERGING:
        raise Fatal(
            f"{surge.surge_id} is a new problem: no cluster of it is in force yet that could be spoken of"
        )
    if surge is not None and surge.status is SurgeStatus.FIRING:
        return went.get(surge.cluster.id, surge.cluster.id)
    if surge is not None and is_open:
        raise Fatal(f"{surge.surge_id} is resolved")
    if surge is not None:
        return _still_there(surge, there, went)
    if name not in there:
        raise Fatal(f"no surge and no cluster {name}: sluice surges list, or sluice clusters list")
    if is_open:
        raise Fatal(f"no surge of {name} fires: sluice surges list")
    return name


def _still_there(surge: Surge, there: Collection[str], went: Mapping[str, str]) -> str:
    """The lead of a surge that is resolved. It followed its clusters nowhere since: of one that is no more nobody would
    heed a word."""
    lead = surge.cluster.id
    if lead in there:
        return lead
    where = f"it went into {went[lead]}, name that" if lead in went else "name one of sluice clusters list"
    raise Fatal(f"{surge.surge_id} is resolved, and its cluster {lead} is no more: {where}")
