"""Generations on their topic: what a reader makes of parts that are late, lost, broken or somebody else's."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import replace

import pytest

from agents.generations import PART_BYTES, Assembler, generation_records
from models.errors import BadGeneration
from models.generation import Generation, generation_id, to_bytes
from schemas.codec import decode, encode
from schemas.contract import time_of
from schemas.generation import GenerationManifest, GenerationPart
from tests.fakes.generations import generation, unit_rows

Records = list[tuple[bytes, bytes | None]]


def made(seed: int, exemplars: int = 12_000) -> Generation:
    """A generation of three parts, unlike that of any other seed."""
    rows = unit_rows(exemplars, 64, seed)
    return generation(["billing", None], unit_rows(2, 64, seed), [(0, row) for row in rows])


@pytest.fixture(scope="module")
def one() -> Generation:
    return made(1)


@pytest.fixture(scope="module")
def other() -> Generation:
    return made(2)


def records_of(made: Generation) -> Records:
    return list(generation_records(made)[1])


def feed(assembler: Assembler, records: Records) -> list[str]:
    """Ids of the generations that came out whole."""
    found = [assembler.feed(key, value) for key, value in records]
    return [name for name, _ in filter(None, found)]


def same(left: Generation, right: Generation) -> bool:
    return to_bytes(left) == to_bytes(right)


def manifest_of(blob: bytes, **more: object) -> tuple[bytes, bytes]:
    """A manifest that fits `blob` but for `more`."""
    fields = {
        "generation_id": generation_id(blob),
        "parts": 1,
        "size_bytes": len(blob),
        "sha256": hashlib.sha256(blob).hexdigest(),
        "encoder": "fake",
        "clusters": 1,
        "created_at": time_of(1_790_000_000_000),
    } | more
    return generation_id(blob).encode(), encode(GenerationManifest.model_validate(fields))


def part_of(blob: bytes, data: str | None = None) -> tuple[bytes, bytes]:
    """`blob` as its own only part, or `data` in its place."""
    name = generation_id(blob)
    text = base64.b64encode(blob).decode() if data is None else data
    part = GenerationPart(generation_id=name, number=0, sha256=hashlib.sha256(blob).hexdigest(), data=text)
    return f"{name}/0".encode(), encode(part)


def test_keys_number_the_parts_and_the_manifest_comes_last(one: Generation) -> None:
    name, records = generation_records(one)
    assert [key.decode() for key, _ in records] == [f"{name}/0", f"{name}/1", f"{name}/2", name]
    manifest = decode(GenerationManifest, records[-1][1])
    blob = to_bytes(one)
    assert (manifest.parts, manifest.size_bytes) == (3, len(blob))
    assert manifest.sha256 == hashlib.sha256(blob).hexdigest()
    assert (manifest.encoder, manifest.clusters) == (one.encoder, len(one.clusters))
    parts = [decode(GenerationPart, value) for _, value in records[:-1]]
    slices = [base64.b64decode(part.data) for part in parts]
    assert b"".join(slices) == blob
    assert max(map(len, slices)) == PART_BYTES
    assert [part.sha256 for part in parts] == [hashlib.sha256(data).hexdigest() for data in slices]


def reverse_parts(records: Records) -> Records:
    return [*records[-2::-1], records[-1]]


@pytest.mark.parametrize(
    "disorder",
    [
        pytest.param(reverse_parts, id="parts last to first"),
        pytest.param(lambda records: [records[0], *records], id="a part twice"),
        pytest.param(lambda records: [(None, b"x"), *records], id="a record without key"),
        pytest.param(lambda records: [(b"g-other", None), *records], id="another one's tombstone"),
        pytest.param(lambda records: records[:3] + records, id="published twice, once without manifest"),
    ],
)
def test_what_does_not_matter(one: Generation, disorder: Callable[[Records], Records]) -> None:
    assembler = Assembler()
    results = [assembler.feed(key, value) for key, value in disorder(records_of(one))]
    assert results[:-1] == [None] * (len(results) - 1)
    assert results[-1] is not None
    name, back = results[-1]
    assert name == generation_id(to_bytes(one))
    assert same(back, one)


def test_two_published_at_once_come_out_both(one: Generation, other: Generation) -> None:
    mixed = [record for pair in zip(records_of(one), records_of(other), strict=True) for record in pair]
    assert len(feed(Assembler(), mixed)) == 2


def flipped(record: tuple[bytes, bytes | None]) -> tuple[bytes, bytes]:
    """A part whose bytes changed on the way, though they are still base64."""
    key, value = record
    part = decode(GenerationPart, value)
    data = ("B" if part.data[0] == "A" else "A") + part.data[1:]
    return key, encode(part.model_copy(update={"data": data}))


JUNK = b"not a generation at all"
BROKEN: dict[str, tuple[Callable[[Records], Records], str]] = {
    "first part missing": (lambda records: records[1:], "1 of 3 parts are missing"),
    "last part missing": (lambda records: [*records[:2], records[3]], "1 of 3 parts are missing"),
    "manifest before its parts": (lambda records: [records[-1], *records[:-1]], "3 of 3 parts are missing"),
    "a part under a number beyond the last": (
        lambda records: [(records[0][0].replace(b"/0", b"/9"), records[0][1]), *records[1:]],
        "1 of 3 parts are missing",
    ),
    "parts exchanged": (
        lambda records: [(records[0][0], records[1][1]), (records[1][0], records[0][1]), *records[2:]],
        "checksum differs",
    ),
    "a part changed": (lambda records: [flipped(records[0]), *records[1:]], "checksum differs"),
    "retired before its manifest": (
        lambda records: [*records[:3], (records[-1][0], None), records[-1]],
        "3 of 3 parts are missing",
    ),
    "a part that is no JSON": (lambda records: [(records[0][0], b"{"), *records[1:]], "cannot be read"),
    "a part that is no base64": (
        lambda records: [(records[0][0], part_of(JUNK, data="no base64!")[1]), *records[1:]],
        "cannot be read",
    ),
    "a part without number": (lambda records: [(b"g-1/one", records[0][1])], "cannot be read"),
    "a manifest that is no JSON": (lambda records: [*records[:-1], (records[-1][0], b"")], "cannot be read"),
    "a manifest of more parts than anybody could publish": (
        lambda records: [part_of(JUNK), manifest_of(JUNK, parts=2**60)],
        "parts are missing",
    ),
    "a manifest of other bytes": (
        lambda _: [part_of(JUNK), manifest_of(JUNK, sha256="0" * 64)],
        "checksum differs",
    ),
    "whole, and no generation": (lambda _: [part_of(JUNK), manifest_of(JUNK)], "not a generation"),
    "under another one's name": (
        lambda records: [(b"g-0/0", part_of(JUNK)[1]), (b"g-0", manifest_of(JUNK)[1])],
        "checksum differs",
    ),
}


@pytest.mark.parametrize(("breaking", "why"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_generation_is_refused_and_the_next_is_assembled(
    one: Generation, other: Generation, breaking: Callable[[Records], Records], why: str
) -> None:
    assembler = Assembler()
    refusals: list[str] = []
    for key, value in breaking(records_of(one)):
        try:
            assert assembler.feed(key, value) is None
        except BadGeneration as error:
            refusals.append(str(error))
    assert refusals
    assert why in refusals[0]
    assert feed(assembler, records_of(other)) == [generation_id(to_bytes(other))]
    assert feed(assembler, records_of(one)) == [generation_id(to_bytes(one))]


def test_parts_whose_manifest_never_comes_are_not_kept_for_ever(one: Generation) -> None:
    """What was begun first gives way; the manifest then finds nothing, as a reader that began later would."""
    assembler = Assembler()
    records = records_of(one)
    feed(assembler, records[:3])
    for number in range(4):
        assembler.feed(b"g-left-behind-%d/0" % number, part_of(JUNK)[1])
    with pytest.raises(BadGeneration, match="3 of 3 parts are missing"):
        assembler.feed(*records[-1])
    assert feed(assembler, records) == [generation_id(to_bytes(one))]


def test_the_last_few_unfinished_are_kept(one: Generation) -> None:
    assembler = Assembler()
    records = records_of(one)
    feed(assembler, records[:3])
    for number in range(3):
        assembler.feed(b"g-left-behind-%d/0" % number, part_of(JUNK)[1])
    assert feed(assembler, records[3:]) == [generation_id(to_bytes(one))]


def test_the_same_generation_has_the_same_records_and_another_has_others(one: Generation) -> None:
    assert records_of(one) == records_of(replace(one))
    assert (
        generation_records(one)[0] != generation_records(replace(one, created_at_ms=one.created_at_ms + 1))[0]
    )
