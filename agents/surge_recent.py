"""Recent counts: the counts of the last day one by one, as `tickets.counts` has them. Under surge_state."""

from collections import deque
from collections.abc import Callable, Iterator

from models.surge.grouping import Recent
from models.surge.window import DAY_S

# Of the counts of the last day so many are held, and read again at a start: a second or two.
MOST_RECENT = 100_000


class RecentCounts:
    """The counts of the last day, the latest `most` offsets of them, in the order in which they came.

    A count is told again by its ticket and its cluster, by what that is called now. What is too old goes by when a
    record was written, and what is too much by offsets, so that it is the same whether it was held or read again.
    """

    def __init__(self, most: int = MOST_RECENT) -> None:
        self._most = most
        # Offset, when it was written in epoch seconds, count.
        self._held: deque[tuple[int, int, Recent]] = deque()
        self._clusters: dict[str, list[str]] = {}  # of each ticket, as its counts name them

    def __len__(self) -> int:
        return len(self._held)

    def __iter__(self) -> Iterator[Recent]:
        return (recent for _, _, recent in self._held)

    def knows(self, recent: Recent, called: Callable[[str], str]) -> bool:
        """Whether the ticket is held for the cluster.

        Args:
            called: the name by which a cluster goes now, which may have been merged into another since.
        """
        held = self._clusters.get(recent.ticket_id, ())
        return called(recent.cluster_id) in map(called, held)

    def add(self, offset: int, written_s: int, recent: Recent, now_s: int) -> None:
        """Hold a count, unless it was written more than a day before `now_s`."""
        if written_s < now_s - DAY_S:
            return
        self._held.append((offset, written_s, recent))
        self._clusters.setdefault(recent.ticket_id, []).append(recent.cluster_id)

    def expire(self, offset: int, now_s: int) -> None:
        """Forget the oldest offsets, as long as they lie `most` before `offset` or were written more than a day before
        `now_s`, epoch seconds. One that came late behind a younger one stays until that one goes."""
        while self._held and (self._held[0][0] < offset - self._most or self._held[0][1] < now_s - DAY_S):
            _, _, gone = self._held.popleft()
            clusters = self._clusters[gone.ticket_id]
            clusters.remove(gone.cluster_id)
            if not clusters:
                del self._clusters[gone.ticket_id]
