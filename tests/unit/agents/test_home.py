"""Home: keys are placed where the publishers' own clients place them."""

import zlib

import pytest
from structlog.testing import capture_logs

from agents.home import Homes, Placements

# Kafka's own cases for `Utils.murmur2` (UtilsTest), as the signed 32-bit numbers that Java prints.
MURMUR2 = {
    "21": -973932308,
    "foobar": -790332482,
    "a-little-bit-long-string": -985981536,
    "a-little-bit-longer-string": -1486304829,
    "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8": -58897971,
    "abc": 479470107,
}


@pytest.mark.parametrize(("ticket_id", "hashed"), MURMUR2.items(), ids=MURMUR2.keys())
@pytest.mark.parametrize("partitions", [1, 2, 6, 2**31])
def test_java_and_librdkafkas_murmur2_agree_with_us(ticket_id: str, hashed: int, partitions: int) -> None:
    assert Homes("murmur2", partitions).of(ticket_id) == (hashed & 0x7FFFFFFF) % partitions


@pytest.mark.parametrize("ticket_id", ["t-1", "工单-1", "x" * 200])
def test_crc32_is_unsigned_over_the_utf8_bytes(ticket_id: str) -> None:
    assert Homes("crc32", 7).of(ticket_id) == zlib.crc32(ticket_id.encode()) % 7


def test_growing_moves_homes_and_keeps_them_within_the_topic() -> None:
    homes = Homes("murmur2", 2)
    ids = [f"t-{number}" for number in range(200)]
    assert {homes.of(name) for name in ids} == {0, 1}
    homes.partitions = 6
    assert {homes.of(name) for name in ids} == set(range(6))


# -- publishers who place keys otherwise


def said(counts: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """(records, moved) of every warning that these counts bring about."""
    placements = Placements()
    with capture_logs() as lines:
        for read, moved in counts:
            placements.count(read, moved)
    assert {(line["event"], line["log_level"]) for line in lines} <= {("keys_placed_otherwise", "warning")}
    assert all("SLUICE_PARTITIONER" in line["remedy"] for line in lines)
    return [(line["records"], line["moved"]) for line in lines]


@pytest.mark.parametrize(
    ("counts", "warnings"),
    [
        pytest.param([(100, 34)], [(100, 34)], id="more than a third of a hundred"),
        pytest.param([(99, 99)], [], id="too few to tell"),
        pytest.param([(60, 60), (40, 0)], [(100, 60)], id="a hundred in two batches"),
        pytest.param([(99, 33)], [], id="a third of too few"),
        pytest.param([(300, 100)], [], id="a third"),
        pytest.param([(256, 0)] * 20 + [(256, 200)], [(256, 200)], id="publishers who changed"),
        pytest.param([(256, 80)] * 20, [], id="some that are sent by another tool"),
        pytest.param([(256, 200)] * 20, [(256, 200)], id="once"),
        pytest.param([(0, 0)], [], id="nothing"),
    ],
)
def test_keys_placed_otherwise_are_said_once(
    counts: list[tuple[int, int]], warnings: list[tuple[int, int]]
) -> None:
    assert said(counts) == warnings


@pytest.mark.parametrize("partitions", [3, 6, 48])
def test_librdkafkas_own_placing_is_noticed_though_every_event_is_read_again_at_home(partitions: int) -> None:
    ours, theirs = Homes("murmur2", partitions), Homes("crc32", partitions)
    moved = [ours.of(f"t-{number}") != theirs.of(f"t-{number}") for number in range(1000)]
    assert len(said([(1 + each, each) for each in moved])) == 1
