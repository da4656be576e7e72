"""A generation on the wire (`tickets.generations`): parts, then the manifest that makes them count.

A part's key is `<generation_id>/<number>`, the manifest's `<generation_id>`; a manifest is written in the same
transaction as its parts and after them, so that a reader who sees it can see them all.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from schemas.contract import Event, Identifier, Time

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Role(StrEnum):
    """What workers do with a generation."""

    LIVE = "live"  # the last one is in force
    SHADOW = (
        "shadow"  # a candidate: the last one decides beside the one in force, and nothing follows from it
    )


class GenerationPart(Event):
    """A slice of the packed generation, base64, with the checksum of the slice itself."""

    generation_id: Identifier
    number: Annotated[int, Field(ge=0)]
    sha256: Sha256
    data: str


class GenerationManifest(Event):
    """What a whole generation is made of; `sha256` is that of all parts' bytes joined.

    A candidate is promoted by being published again, whole, with the role `live`.
    """

    generation_id: Identifier
    parts: Annotated[int, Field(ge=1)]
    size_bytes: Annotated[int, Field(ge=1)]
    sha256: Sha256
    encoder: Identifier
    clusters: Annotated[int, Field(ge=1)]
    created_at: Time
    role: Role = Role.LIVE
