"""Generations on their topic: how one is cut into records, and how a reader puts it together again."""

import base64
import hashlib

from models.errors import BadGeneration
from models.generation import Generation, from_bytes, generation_id, to_bytes
from schemas.codec import Unreadable, decode, encode
from schemas.contract import time_of
from schemas.generation import GenerationManifest, GenerationPart, Role

# Base64 makes 4 bytes of 3, the envelope adds some 250: a record stays below 900,000 bytes.
PART_BYTES = 660_000

# A transaction holds a generation whole, so a reader meets a second one unfinished only where two were published
# at once. Parts of more than this many were left behind by a writer of another kind, whose manifest may never come.
_MOST_UNFINISHED = 4


def generation_records(
    generation: Generation, role: Role = Role.LIVE
) -> tuple[str, list[tuple[bytes, bytes]]]:
    """The generation's id and its records, (key, value) in the order in which they must be written."""
    blob = to_bytes(generation)
    name = generation_id(blob)
    slices = [blob[start : start + PART_BYTES] for start in range(0, len(blob), PART_BYTES)]
    records = [
        (
            f"{name}/{number}".encode(),
            encode(
                GenerationPart(
                    generation_id=name,
                    number=number,
                    sha256=hashlib.sha256(data).hexdigest(),
                    data=base64.b64encode(data).decode(),
                )
            ),
        )
        for number, data in enumerate(slices)
    ]
    manifest = GenerationManifest(
        generation_id=name,
        parts=len(slices),
        size_bytes=len(blob),
        sha256=hashlib.sha256(blob).hexdigest(),
        encoder=generation.encoder,
        clusters=len(generation.clusters),
        created_at=time_of(generation.created_at_ms),
        role=role,
    )
    return name, [*records, (name.encode(), encode(manifest))]


def is_candidate(key: bytes | None, value: bytes | None) -> bool:
    """Whether a record is the manifest of a candidate."""
    if key is None or value is None or b"/" in key:
        return False
    try:
        return decode(GenerationManifest, value).role is Role.SHADOW
    except Unreadable:
        return False


class Assembler:
    """Puts generations together from their records, in whatever order parts of several arrive.

    Parts wait for their manifest, those of the last few generations begun; a tombstone drops a generation's.
    """

    def __init__(self) -> None:
        self._parts: dict[str, dict[int, bytes]] = {}

    def feed(self, key: bytes | None, value: bytes | None) -> tuple[str, Generation] | None:
        """Take one record; the generation's id and itself once its manifest has come.

        Raises:
            BadGeneration: a record cannot be read, a part is missing, or a checksum differs. The generations
                before it stay in force, and those after it can still be assembled.
        """
        if key is None:
            return None
        name, slash, number = key.decode(errors="replace").partition("/")
        if value is None:
            self._parts.pop(name, None)
            return None
        try:
            if slash:
                self._keep(name, int(number), decode(GenerationPart, value))
                return None
            manifest = decode(GenerationManifest, value)
        except (Unreadable, ValueError) as error:
            raise BadGeneration(f"generation {name}: a record cannot be read") from error
        return name, self._assemble(name, manifest)

    def _keep(self, name: str, number: int, part: GenerationPart) -> None:
        self._parts.setdefault(name, {})[number] = base64.b64decode(part.data, validate=True)
        if len(self._parts) > _MOST_UNFINISHED:
            del self._parts[next(iter(self._parts))]

    def _assemble(self, name: str, manifest: GenerationManifest) -> Generation:
        parts = self._parts.pop(name, {})
        missing = manifest.parts - sum(0 <= number < manifest.parts for number in parts)
        if missing:
            raise BadGeneration(f"generation {name}: {missing} of {manifest.parts} parts are missing")
        blob = b"".join(parts[number] for number in range(manifest.parts))
        if hashlib.sha256(blob).hexdigest() != manifest.sha256 or generation_id(blob) != name:
            raise BadGeneration(f"generation {name}: its checksum differs")
        return from_bytes(blob)
