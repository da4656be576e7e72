"""Flood: when dead letters are so many that the topic is wrong, not its records."""

from collections import deque

from models.errors import PoisonFlood


class FloodGuard:
    """Counts what was refused among what was read, record by record.

    Args:
        max_consecutive: refused in a row; one more is a flood.
        max_share: refused among the last `window` records, once so many were read; above it is a flood.
        window: records that the share is taken over.
    """

    def __init__(self, max_consecutive: int, max_share: float, window: int) -> None:
        self._max_consecutive, self._max_share = max_consecutive, max_share
        self._recent: deque[bool] = deque(maxlen=window)
        self._refused = 0
        self._in_a_row = 0
        self._epoch = -1

    def begin(self, epoch: int) -> None:
        """Start on a batch. What was counted in an older epoch may be read again in this one, so it is forgotten."""
        if epoch != self._epoch:
            self._epoch = epoch
            self._recent.clear()
            self._refused = self._in_a_row = 0

    def record(self, *, refused: bool) -> None:
        """Note one record.

        Raises:
            PoisonFlood: a limit is exceeded. The batch must not be committed: its records stay where they are.
        """
        full = len(self._recent) == self._recent.maxlen
        self._refused += refused - (full and self._recent[0])
        self._recent.append(refused)
        self._in_a_row = self._in_a_row + 1 if refused else 0
        if self._in_a_row > self._max_consecutive:
            raise PoisonFlood(
                f"{self._in_a_row} records in a row cannot be processed (limit {self._max_consecutive}); they stay"
                " in the topic. Look at the newest dead letters, then raise SLUICE_DEAD_LETTER_MAX_CONSECUTIVE or"
                " mend the producer"
            )
        if len(self._recent) == self._recent.maxlen and self._refused > self._max_share * len(self._recent):
            raise PoisonFlood(
                f"{self._refused} of the last {len(self._recent)} records cannot be processed (limit"
                f" {self._max_share:.0%}); they stay in the topic. Look at the newest dead letters, then raise"
                " SLUICE_DEAD_LETTER_MAX_SHARE or mend the producer"
            )
