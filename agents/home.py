"""Home: the one partition that a ticket's events belong to, so that one worker sees all of them in order.

A CRM that keys its events by ticket id already puts them there. An event that stands elsewhere (sent again by another
tool, keyed by something else) is moved home in the transaction that reads it, and judged there against what is known
of its ticket.
"""

import zlib
from dataclasses import dataclass
from typing import Literal

from aiokafka.partitioner import murmur2

Partitioner = Literal["murmur2", "crc32"]
"""How the publishers place keys: murmur2 is Java's, Faust's and ours; crc32 is librdkafka's own default."""


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
