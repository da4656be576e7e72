"""Candidates on `tickets.generations`: published, promoted and dropped, each in one transaction.

There is one candidate at a time: whoever publishes another takes back the one before, so that workers that read the
topic from its beginning and workers that have run all the while keep the same one.
"""

from collections.abc import Iterable
from contextlib import closing
from typing import Any

from agents.follower import Lookup
from agents.generations import generation_records
from agents.topics import TopicNames
from agents.wire import Output
from app.published import Published, read_generation, read_published
from app.publisher import publisher, write
from app.settings import Settings
from models.errors import Fatal
from models.generation import Generation
from schemas.generation import Role


def publish_candidate(generation: Generation, settings: Settings, kafka: dict[str, Any]) -> str:
    """Publish a generation that workers decide by beside the one in force; its id. Nothing else is written: no state
    of its history's tickets, which are shown as similar by what the generations in force have made of them.

    Raises:
        Fatal: the very same generation was in force already.
        Transient: the cluster does not take it.
    """
    there = _published(settings, kafka)
    name, records = generation_records(generation, Role.SHADOW)
    if name in there.live:
        raise Fatal(f"{name} has been in force: it is no candidate any more")
    gone = [key for other, keys in there.candidates.items() if other != name for key in keys]
    _write([*((key, None) for key in gone), *records], settings, kafka)
    return name


def promote(generation_id: str, settings: Settings, kafka: dict[str, Any]) -> None:
    """Put a candidate in force, by publishing it again, whole: a worker takes it as any other generation, whatever it
    has read before, and decides by the old one until the new one is ready.

    Raises:
        Fatal: there is no such candidate, or its records do not make it whole.
        Transient: the cluster does not take it.
    """
    topic = TopicNames(settings.topic_prefix).generations
    with closing(Lookup(kafka)) as lookup:
        there = read_published(lookup, topic)
        if generation_id in there.live:
            raise Fatal(f"{generation_id} is no candidate: it is in force already, or was")
        found = read_generation(lookup, topic, generation_id) if generation_id in there.candidates else None
    if found is None:
        known = ", ".join(there.candidates) or "none"
        raise Fatal(f"no candidate {generation_id}; there is: {known}")
    _write(generation_records(found, Role.LIVE)[1], settings, kafka)


def drop(settings: Settings, kafka: dict[str, Any]) -> list[str]:
    """Take back whatever candidate there is; their ids.

    Raises:
        Transient: the cluster does not take it.
    """
    candidates = _published(settings, kafka).candidates
    if candidates:
        _write([(key, None) for keys in candidates.values() for key in keys], settings, kafka)
    return list(candidates)


def _published(settings: Settings, kafka: dict[str, Any]) -> Published:
    with closing(Lookup(kafka)) as lookup:
        return read_published(lookup, TopicNames(settings.topic_prefix).generations)


def _write(records: Iterable[tuple[bytes, bytes | None]], settings: Settings, kafka: dict[str, Any]) -> None:
    topic = TopicNames(settings.topic_prefix).generations
    with publisher(settings, kafka) as producer:
        write(producer, [Output(topic, key, value, ()) for key, value in records])
