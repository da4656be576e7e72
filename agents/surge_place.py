"""Surge place: counts put into the windows, one record after the other. First step of the surge agent; a state that was
lost is made again by the same way.
"""

from dataclasses import dataclass, field

from agents.emit import Stamp, dead_letter_record
from agents.intake import Refused
from agents.live import InForce
from agents.state import end_if_newer
from agents.surge_look import Seer
from agents.surge_state import COUNTS, SOURCE, SurgeState, recent_of, written_at_s
from agents.wire import Output, Record
from models.errors import Invalid
from models.surge.grouping import Recent
from models.surge.window import DAY_S, Placement
from schemas.codec import decode
from schemas.headers import read_trace
from schemas.surge import Count
from schemas.unreadable import Unreadable

_REPEATED, _UNREADABLE = "repeated", "unreadable"


@dataclass(slots=True)
class Placing:
    """Counts what records say, each ticket once for a cluster as far as the state remembers; and what became of each.

    Args:
        now_s: this worker's clock, epoch seconds: nothing was written later.

    Attributes:
        placements: of each record, for the metric.
        dead: those that are no count, or of a time that has not come.
        leapt: a clock leapt further than it is believed.
    """

    state: SurgeState
    seer: Seer
    in_force: InForce
    now_s: int
    placements: list[str] = field(default_factory=list)
    dead: list[Refused] = field(default_factory=list)
    leapt: bool = False
    _ended: list[Output] = field(default_factory=list)
    _touched: dict[tuple[str, int], None] = field(default_factory=dict)

    def take(self, record: Record) -> None:
        """Place one record.

        Raises:
            Fatal: another version of Sluice wrote it.
        """
        written_s, state = written_at_s(record, self.now_s), self.state
        try:
            recent = _read(record)
            self._ended += state.pass_time(written_s, recent.at_s)
            self.leapt |= state.now_s < written_s
            written_s = min(written_s, state.now_s)  # what is not believed is not gone by either
            state.recent.expire(record.offset(), state.now_s)
            placement = self._placement(recent, written_s)
        except Invalid as error:
            self.dead.append(Refused(record, error, read_trace(record.headers())))
            ahead = error.reason == Placement.AHEAD.value
            self.placements.append(error.reason if ahead else _UNREADABLE)
            return
        self.placements.append(placement)
        if placement in COUNTS:
            state.recent.add(record.offset(), written_s, recent, state.now_s)
            cluster_id = self.called(recent.cluster_id)
            state.windows.add(cluster_id, recent.at_s)
            self._touched[cluster_id, recent.at_s // DAY_S] = None

    def called(self, cluster_id: str) -> str:
        """The name by which a cluster goes now."""
        return self.seer.now_called(cluster_id, self.in_force)

    def tick(self) -> None:
        """Nothing came: all that was written is read, and the clock may go on by itself."""
        self._ended += self.state.pass_time(self.now_s)
        self.leapt = self.state.now_s < self.now_s

    def outputs(self) -> list[Output]:
        """What is to be written of days that ended, and of days that are counted otherwise now."""
        kept = self.state.days
        days = [self.state.day_record(cluster_id, day) for cluster_id, day in self._touched if day in kept]
        return [*self._ended, *days]

    def dead_letters(self, stamp: Stamp) -> list[Output]:
        return [dead_letter_record(letter, stamp, SOURCE) for letter in self.dead]

    def _placement(self, recent: Recent, written_s: int) -> str:
        """Where a count is placed.

        One of a queue that stood for days, or of an import, is history. One of before the days that are kept is passed
        over: nothing is wrong with it, but that it says nothing of what surges now.

        Raises:
            Invalid: its time lies ahead of when it was written: a clock is wrong.
        """
        state = self.state
        placement = state.windows.placement(recent.at_s, written_s)
        if placement is Placement.AHEAD:
            detail = f"must not be more than {state.policy.ahead_s} s after it was written"
            raise Invalid(placement.value, "occurred_at", detail)
        if placement is Placement.TOO_LATE or recent.at_s // DAY_S not in state.days:
            return Placement.TOO_LATE.value
        return _REPEATED if state.recent.knows(recent, self.called) else placement.value


def _read(record: Record) -> Recent:
    """The count that a record holds.

    Raises:
        Invalid: it holds none.
        Fatal: another version of Sluice wrote it.
    """
    try:
        return recent_of(decode(Count, record.value()))
    except Unreadable as error:
        end_if_newer(record, error)
        raise Invalid(error.reason.value, error.field, error.detail) from error
