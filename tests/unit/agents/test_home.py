"""Home: keys are placed where the publishers' own clients place them."""

import zlib

import pytest

from agents.home import Homes

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
