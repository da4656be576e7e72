"""Home: the one partition that a ticket's events belong to, so that one worker sees all of them in order.

A CRM that keys its events by ticket id already puts them there. An event that stands elsewhere (sent again by another
tool, keyed by something else) is moved home in the transaction that reads it, and judged there against what is known
of its ticket.
"""

import zlib
from dataclasses import dataclass
from typing import Literal

import structlog
from aiokafka.partitioner import murmur2

_log = structlog.get_logger(__name__)

# Enough that the share is not chance: of keys placed as we place them none is moved at all.
_ENOUGH = 100

Partitioner = Literal["murmur2", "crc32"]
"""How the publishers place keys: murmur2 is Java's, Faust's and ours; crc32 is librdkafka's own default."""

CLIENT_NAMES: dict[Partitioner, str] = {"murmur2": "murmur2_random", "crc32": "consistent_random"}
"""What confluent-kafka's option `partitioner` calls them."""


@dataclass(slots=True)
class Homes:
    """The partition of a ticket id.

    Attributes:
        partitions: of the topic `tickets` now; it may grow while workers run.
    """

    partitioner: Partitioner
    partitions: int

    def of(self, ticket_id: str) -> int:
        """As the partitioner places this key: Kafka's `Utils.murmur2`, its sign bit cleared, or CRC-32."""
        key = ticket_id.encode()
        value = zlib.crc32(key) if self.partitioner == "crc32" else murmur2(key) & 0x7FFFFFFF
        return int(value % self.partitions)


class Placements:
    """Notices that publishers place keys otherwise than `Homes` does, which doubles the work, and says so once in a
    process. Nobody is harmed by it, so it would not be found otherwise.

    Judged over a hundred records and more at a time, so that publishers who change are noticed too. An event that is
    moved is read again at its home: half of all events moved are a third of all records read.
    """

    def __init__(self) -> None:
        self._read = self._moved = 0
        self._said = False

    def count(self, read: int, moved: int) -> None:
        """So many more records were read whose home is known, and so many of them moved there."""
        self._read += read
        self._moved += moved
        if self._said or self._read < _ENOUGH:
            return
        if 3 * self._moved > self._read:
            self._said = True
            _log.warning(
                "keys_placed_otherwise",
                records=self._read,
                moved=self._moved,
                remedy="set SLUICE_PARTITIONER as the publishers place keys, and let them key events by ticket id",
            )
        self._read = self._moved = 0
