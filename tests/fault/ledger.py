"""The ledger: every ticket version that the broker accepted, held against everything that was written about it."""

from collections import Counter
from dataclasses import dataclass
from statistics import median

from agents.topics import TopicNames
from schemas.codec import decode
from schemas.decision import Decision
from schemas.state import TicketState
from schemas.surge import Count
from tests import kafka
from tests.eventually import eventually
from tests.fault.load import Load, Reader

PATIENCE_S = 120.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table of faults.

    Attributes:
        injected: how often.
        tickets: versions that the broker accepted while it was.
        recovery_s: of every injection, where that can be told.
    """

    fault: str
    injected: int
    tickets: int
    lost: int
    duplicated: int
    recovery_s: tuple[float, ...] = ()

    def cells(self) -> tuple[str, ...]:
        times = (median(self.recovery_s), max(self.recovery_s)) if self.recovery_s else ()
        seconds = " / ".join(f"{value:.1f}" for value in times) or "-"
        return (
            self.fault,
            *map(str, (self.injected, self.tickets, self.lost, self.duplicated)),
            seconds,
        )


HEAD = ("fault", "times", "tickets", "lost", "duplicated", "recovery s, median / max")


def table(rows: list[Row]) -> list[str]:
    """The rows as lines of text, in columns."""
    cells = [HEAD, *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(len(HEAD))]
    return [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]


def await_recovery(reader: Reader, since: float, within_s: float = PATIENCE_S) -> float:
    """Seconds from `since` until a decision written after it was readable in every partition.

    Raises:
        AssertionError: a partition stands still.
    """
    start = len(reader.seen)
    while start > 0 and reader.seen[start - 1].read_at > since:
        start -= 1
    first: dict[int, float] = {}

    def everywhere() -> bool:
        nonlocal start
        seen = reader.seen[start:]
        start += len(seen)
        for decision in seen:
            if decision.written_at > since:
                first.setdefault(decision.partition, decision.read_at)
        return len(first) == reader.partitions

    if not eventually(everywhere, within_s):
        still = sorted(set(range(reader.partitions)) - first.keys())
        raise AssertionError(f"no decision in partitions {still} {within_s:g} s after the fault")
    return max(first.values()) - since


def audit(bootstrap: str, names: TopicNames, load: Load, reader: Reader, dead: int) -> tuple[int, int]:
    """Lost and duplicated ticket versions, once the load has ended and all is decided.

    Decisions, states, counts and dead letters are read anew from their topics, so that nothing hangs on the
    subscriber that was there all along.

    Raises:
        AssertionError: decisions are out of order or of nothing, or what stands beside them disagrees with them.
    """
    decided = Counter[tuple[str, str]]()
    rank: dict[str, int] = {}
    for record in kafka.read_all(bootstrap, names.routed):
        decision = decode(Decision, record.value())
        decided[decision.ticket_id, decision.ticket_version] += 1
        version = int(decision.ticket_version[1:])
        assert version >= rank.get(decision.ticket_id, 0), f"{decision.ticket_id}: decided out of order"
        rank[decision.ticket_id] = version
    lost, duplicated = len(load.accepted - decided.keys()), sum(decided.values()) - len(decided)
    if (lost, duplicated) == (0, 0):
        assert decided.keys() == load.accepted, "decisions on tickets that were never sent"
        assert decided == reader.counts, "a subscriber saw something else than what stands in the topic"
        states = {r.key().decode(): r.value() for r in kafka.read_all(bootstrap, names.state)}
        versions = {name: decode(TicketState, states[name]).version for name in load.newest}
        assert versions == load.newest, "a ticket's state is not that of its last version"
        counted = Counter(decode(Count, r.value()).ticket_id for r in kafka.read_all(bootstrap, names.counts))
        assert max(counted.values()) == 1, "a ticket is counted twice"
        assert len(kafka.read_all(bootstrap, names.dead)) == dead
    return lost, duplicated
