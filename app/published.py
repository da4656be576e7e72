"""Published: which generations stand in `tickets.generations`, and what one of them is. Under candidates, explanations
and reclustering.

The records of one are many megabytes: whoever asks which there are keeps their keys alone, and the one that is wanted
is read by itself.
"""

from dataclasses import dataclass, field

from agents.follower import Lookup
from agents.generations import Assembler
from agents.wire import Record
from models.errors import BadGeneration, Transient
from models.generation import Generation
from schemas.codec import decode
from schemas.generation import GenerationManifest, Role
from schemas.unreadable import Unreadable

Keys = dict[str, list[bytes]]
"""Of generations, by their ids, the one published last at the end: the keys of their records."""


@dataclass(slots=True)
class Published:
    """What stands in the topic.

    Attributes:
        live: the generations that are or were in force.
        candidates: those that never were.
        refused: why the last manifest that cannot be read is none.
    """

    live: Keys = field(default_factory=dict)
    candidates: Keys = field(default_factory=dict)
    refused: BadGeneration | None = None
    _parts: Keys = field(default_factory=dict)

    def feed(self, record: Record) -> None:
        """Take one record, in the order of the topic."""
        key, value = record.key(), record.value()
        if key is None:
            return
        name, slash, _ = key.decode(errors="replace").partition("/")
        if value is None:
            self._forget(name)
        elif slash:
            self._parts.setdefault(name, []).append(key)
        else:
            self._manifest(name, key, value)

    def _forget(self, name: str) -> list[bytes]:
        """Drop it; the keys that it had."""
        held = self.live.pop(name, []) + self.candidates.pop(name, []) + self._parts.pop(name, [])
        return list(dict.fromkeys(held))

    def _manifest(self, name: str, key: bytes, value: bytes) -> None:
        try:
            role = decode(GenerationManifest, value).role
        except Unreadable:  # nobody's: workers refuse it too
            self.refused = BadGeneration(f"generation {name}: a record cannot be read")
            self._parts.pop(name, None)
            return
        held = [one for one in self._forget(name) if one != key]
        (self.candidates if role is Role.SHADOW else self.live)[name] = [*held, key]


def read_published(lookup: Lookup, topic: str) -> Published:
    """Read the topic to its end.

    Raises:
        Transient: it is missing, or no broker answers.
    """
    found = Published()
    lookup.read(topic, range(lookup.count(topic)), found.feed)
    return found


def read_generation(lookup: Lookup, topic: str, name: str) -> Generation | None:
    """The generation of this id, in force or not; None where it does not stand in the topic any more.

    Raises:
        BadGeneration: what stands there does not make it whole.
        Transient: as `read_published`.
    """
    assembler, found, errors = Assembler(), list[Generation](), list[BadGeneration]()

    def keep(record: Record) -> None:
        key = record.key()
        if key is None or key.decode(errors="replace").partition("/")[0] != name:
            return
        if record.value() is None:
            found.clear()
        try:
            whole = assembler.feed(key, record.value())
        except BadGeneration as error:
            errors.append(error)  # perhaps said again without its parts
            return
        if whole is not None:
            found[:] = [whole[1]]

    lookup.read(topic, range(lookup.count(topic)), keep)
    if not found and errors:
        raise errors[-1]
    return found[0] if found else None


def read_in_force(lookup: Lookup, topic: str, there: Published) -> tuple[str, Generation]:
    """The generation that workers decide by now, and its id: the last one that is whole.

    Raises:
        BadGeneration: there are some, and none is.
        Transient: there is none yet, or as `read_published`.
    """
    refused = there.refused
    for name in reversed(there.live):
        try:
            generation = read_generation(lookup, topic, name)
        except BadGeneration as error:
            refused = refused or error  # workers refuse it too, and keep the one before
            continue
        if generation is not None:
            return name, generation
    raise refused or Transient("there is no generation yet: sluice bootstrap FILE")
