"""Recent counts: the counts of the last day one by one, as `tickets.counts` has them. Under surge_state."""

from collections import deque
from collections.abc import Iterator

from models.surge.grouping import Recent
from models.surge.window import DAY_S

# Of the counts of the last day so many are held, and read again at a start: a second or two.
MOST_RECENT = 100_000


class RecentCounts:
    """The counts of the last day, the latest `most` offsets of them, in the order in which they came.

    A count is told again by its ticket and its cluster. What is too old goes by when a record was written, and what is
    too much by offsets, so that it is the same whether it was held or read again.
    """

    def __init__(self, most: int = MOST_RECENT) -> None:
        self._most = most
        # Offset, when it was written in epoch seconds, count.
        self._held: deque[tuple[int, int, Recent]] = deque()
        self._keys: set[tuple[str, str]] = set()

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Recent]:
        return (recent for _, _, recent in self._held)

    def knows(self, recent: Recent) -> bool:
        return (recent.ticket_id, recent.cluster_id) in self._keys

    def add(self, offset: int, written_s: int, recent: Recent, now_s: int) -> None:
        """Hold a count, unless it was written more than a day before `now_s`."""
        if written_s < now_s - DAY_S:
            return
        self._held.append((offset, written_s, recent))
        self._keys.add((recent.ticket_id, recent.cluster_id))

    def expire(self, offset: int, now_s: int) -> None:
        """Forget what lies `most` offsets before `offset`, or was written more than a day before `now_s`."""
        while self._held and (self._held[0][0] < offset - self._most or self._held[0][1] < now_s - DAY_S):
            _, _, gone = self._held.popleft()
            self._keys.discard((gone.ticket_id, gone.cluster_id))
