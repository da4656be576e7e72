"""Candidates on `tickets.generations`: published, promoted and dropped, each in one transaction.

There is one candidate at a time: whoever publishes another takes back the one before, so that workers that read the
topic from its beginning and workers that have run all the while keep the same one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from agents.follower import Lookup
from agents.generations import Assembler, generation_records
from agents.topics import TopicNames
from agents.wire import Output, Record
from app.bootstrap import publisher, write
from app.settings import Settings
from models.errors import BadGeneration, Fatal
from models.generation import Generation
from schemas.codec import decode
from schemas.generation import GenerationManifest, Role
from schemas.unreadable import Unreadable

Records = dict[bytes, bytes]


@dataclass(slots=True)
class Generations:
    """What stands in the topic.

    Attributes:
        candidates: the records of each candidate, parts first, by its id, the last published at the end.
        others: ids of the generations that are or were in force.
    """

    candidates: dict[str, Records] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)
    _parts: dict[str, Records] = field(default_factory=dict)

    def feed(self, record: Record) -> None:
        """Take one record, in the order of the topic."""
        key, value = record.key(), record.value()
        if key is None:
            return
        name, slash, _ = key.decode(errors="replace").partition("/")
        if value is None:
            self._forget(name)
        elif slash:
            self._parts.setdefault(name, {})[key] = value
        else:
            self._manifest(name, key, value)

    def _forget(self, name: str) -> None:
        self._parts.pop(name, None)
        self.candidates.pop(name, None)
        self.others.discard(name)

    def _manifest(self, name: str, key: bytes, value: bytes) -> None:
        parts = self._parts.pop(name, {})
        try:
            role = decode(GenerationManifest, value).role
        except Unreadable:
            return  # nobody's: workers refuse it too
        self._forget(name)
        if role is Role.SHADOW:
            self.candidates[name] = {**parts, key: value}
        else:
            self.others.add(name)


def read_generations(settings: Settings, kafka: dict[str, Any]) -> Generations:
    """Read the topic to its end.

    Raises:
        Transient: it is missing, or no broker answers.
    """
    lookup, topic, found = Lookup(kafka), TopicNames(settings.topic_prefix).generations, Generations()
    lookup.read(topic, range(lookup.count(topic)), found.feed)
    return found


def publish_candidate(generation: Generation, settings: Settings, kafka: dict[str, Any]) -> str:
    """Publish a generation that workers decide by beside the one in force; its id. Nothing else is written: no state
    of its history's tickets, which are shown as similar by what the generations in force have made of them.

    Raises:
        Fatal: the very same generation was in force already.
        Transient: the cluster does not take it.
    """
    there = read_generations(settings, kafka)
    name, records = generation_records(generation, Role.SHADOW)
    if name in there.others:
        raise Fatal(f"{name} has been in force: it is no candidate any more")
    others = {other: held for other, held in there.candidates.items() if other != name}
    topic = TopicNames(settings.topic_prefix).generations
    with publisher(settings, kafka) as producer:
        write(
            producer,
            [*_taken_back(others, topic), *(Output(topic, key, value, ()) for key, value in records)],
        )
    return name


def promote(generation_id: str, settings: Settings, kafka: dict[str, Any]) -> None:
    """Put a candidate in force, by publishing it again, whole: a worker takes it as any other generation, whatever it
    has read before, and decides by the old one until the new one is ready.

    Raises:
        Fatal: there is no such candidate, or its records do not make it whole.
        Transient: the cluster does not take it.
    """
    there = read_generations(settings, kafka)
    records = there.candidates.get(generation_id)
    if records is None:
        if generation_id in there.others:
            raise Fatal(f"{generation_id} is no candidate: it is in force already, or was")
        known = ", ".join(there.candidates) or "none"
        raise Fatal(f"no candidate {generation_id}; there is: {known}")
    promoted = generation_records(_whole(generation_id, records), Role.LIVE)[1]
    topic = TopicNames(settings.topic_prefix).generations
    with publisher(settings, kafka) as producer:
        write(producer, [Output(topic, key, value, ()) for key, value in promoted])


def drop(settings: Settings, kafka: dict[str, Any]) -> list[str]:
    """Take back whatever candidate there is; their ids.

    Raises:
        Transient: the cluster does not take it.
    """
    there = read_generations(settings, kafka)
    if there.candidates:
        topic = TopicNames(settings.topic_prefix).generations
        with publisher(settings, kafka) as producer:
            write(producer, list(_taken_back(there.candidates, topic)))
    return list(there.candidates)


def _taken_back(candidates: dict[str, Records], topic: str) -> Iterator[Output]:
    return (Output(topic, key, None, ()) for records in candidates.values() for key in records)


def _whole(name: str, records: Records) -> Generation:
    assembler = Assembler()
    found = [assembler.feed(key, value) for key, value in records.items()][-1]
    if found is None:
        raise BadGeneration(f"generation {name}: its records do not make it whole")
    return found[1]
