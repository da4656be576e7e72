"""Emerging problems, scored on labelled rows: a problem that the history does not hold is planted in a day.

Some labels are left out of what is learnt from. Then, once for each of them, a day of other tickets that were not
learnt from comes in, with a few of that label among them for some hours; the decisions on them go into the triage pool
that a worker has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from app.evaluate.parts import Parts, Round, Rows
from app.evaluate.rounds import Bench, Run, run_round, set_up
from app.scratch import Told
from app.settings import Settings
from models.emerging.group import Newcomer
from models.emerging.pool import EmergingPolicy, TriagePool
from models.engines.vector_index import ExactIndex
from models.errors import Fatal
from models.evidence import searchable

_DAY_MS = 86_400_000
_START_MS = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Planting:
    """A day.

    Attributes:
        days: each with another label.
        tickets: of other labels, over the day.
        planted: of the label that was left out.
        hours: over which those come.
        left_out: labels that are left out at once; more make the history the poorer, fewer the run the longer.
    """

    days: int = 20
    tickets: int = 3_000
    planted: int = 15
    hours: float = 8.0
    left_out: int = 5


@dataclass(frozen=True, slots=True)
class Day:
    """One day of tickets, in their order.

    Attributes:
        newcomers: as the pool takes them.
        planted: ids of those of the label.
        outside: ids of those that are of no problem.
    """

    label: str
    newcomers: list[Newcomer]
    planted: frozenset[str]
    outside: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Announced:
    """What was announced on a day.

    Attributes:
        at: how many tickets of the label had come when it was, None where it was not.
        false: announcements of which most tickets were of other labels, or of none.
        outside: those of them of which half or more were of none; whether they are of one problem no label says.
    """

    label: str
    at: int | None
    false: int
    outside: int = 0


def evaluate_emerging(
    parts: Parts, settings: Settings, planting: Planting, policy: EmergingPolicy, told: Told
) -> dict[str, Any]:
    """Plant labels of the rows to be scored, and say when each was announced.

    Raises:
        Fatal: too few labels with tickets enough; as `set_up` otherwise.
    """
    bench = set_up(parts, settings, told)
    found: list[Announced] = []
    for run, days in planted_days(bench, planting, told):
        ready = searchable(run.generation, ExactIndex)
        with threadpool_limits(limits=1, user_api="blas"):
            found += [announced(day, TriagePool(ready, policy)) for day in days]
    at = [planting.planted + 1 if one.at is None else one.at for one in found]
    return {
        "days": len(found),
        "tickets_a_day": planting.tickets,
        "planted": planting.planted,
        "announced": sum(one.at is not None for one in found),
        "median_ticket": median(at),
        "before_8th": round(sum(one < 8 for one in at) / len(at), 4),
        "false_a_day": round(sum(one.false for one in found) / len(found), 4),
        "outside_a_day": round(sum(one.outside for one in found) / len(found), 4),
        "labels": [
            {"label": one.label, "at": one.at, "false": one.false, "outside": one.outside} for one in found
        ],
        "encoder": bench.encoder.fingerprint,
    }


def planted_days(
    bench: Bench, planting: Planting, told: Told, seed: int = 0
) -> Iterator[tuple[Run, list[Day]]]:
    """Each history without some labels, its decisions, and the days on which those labels come in.

    Args:
        seed: of the draw of labels.
    """
    part = bench.parts.rounds[0]
    chosen = _labels(bench, part, planting, seed)
    owner = np.array([row.label or "" for row in bench.parts.train])
    for start in range(0, len(chosen), planting.left_out):
        left = chosen[start : start + planting.left_out]
        told.step(f"learning without {', '.join(left)}")
        history = part.history[~np.isin(owner[part.history], left)]
        run = run_round(bench, replace(part, history=history))
        yield run, [_day(bench, run, left, one, planting, start + n) for n, one in enumerate(left)]


def announced(day: Day, pool: TriagePool) -> Announced:
    """What a pool makes of a day, one ticket after the other."""
    came, at, false, outside = 0, None, 0, 0
    seen = 0
    for ticket in day.newcomers:
        came += ticket.ticket_id in day.planted
        pool.take([ticket])
        for group in pool.groups[seen:]:
            of_label = sum(member.ticket_id in day.planted for member in group.members)
            if 2 * of_label >= len(group.members):
                at = came if at is None else at
            else:
                false += 1
                of_none = sum(member.ticket_id in day.outside for member in group.members)
                outside += 2 * of_none >= len(group.members)
        seen = len(pool.groups)
    return Announced(day.label, at, false, outside)


def _labels(bench: Bench, part: Round, planting: Planting, seed: int) -> list[str]:
    """The labels to plant: drawn by chance from those with tickets enough."""
    kept = bench.new.kept(part.scored)
    rows = [bench.parts.test[row].label for row in kept.tolist()]
    enough = sorted({one for one in rows if one is not None and rows.count(one) >= planting.planted})
    if len(enough) <= planting.left_out:
        needed = f"more than {planting.left_out} are needed"
        raise Fatal(f"{len(enough)} labels have {planting.planted} tickets to be scored; {needed}")
    drawn = np.random.default_rng(seed).permutation(len(enough))[: planting.days]
    return [enough[number] for number in drawn.tolist()]


def _day(bench: Bench, run: Run, left: Sequence[str], label: str, planting: Planting, seed: int) -> Day:
    chance = np.random.default_rng(seed)
    scored = run.part.scored
    labels = np.array([bench.parts.test[row].label or "" for row in scored.tolist()])
    usable = np.array([decision is not None for decision in run.decisions])
    others = np.flatnonzero(usable & ~np.isin(labels, left))
    ordinary = chance.permutation(others)[: planting.tickets]
    planted = chance.permutation(np.flatnonzero(usable & (labels == label)))[: planting.planted]
    span = round(planting.hours * 3_600_000)
    begin = chance.integers(0, max(1, _DAY_MS - span))
    at = np.concatenate(
        [chance.integers(0, _DAY_MS, len(ordinary)), begin + chance.integers(0, span, len(planted))]
    )
    rows: Rows = np.concatenate([ordinary, planted])
    order = np.argsort(at, kind="stable")
    return Day(
        label,
        [_newcomer(bench, run, int(rows[n]), _START_MS + int(at[n])) for n in order.tolist()],
        frozenset(f"{scored[row]}" for row in planted.tolist()),
        frozenset(f"{scored[row]}" for row in ordinary[labels[ordinary] == ""].tolist()),
    )


def _newcomer(bench: Bench, run: Run, number: int, at_ms: int) -> Newcomer:
    row, decision = int(run.part.scored[number]), run.decisions[number]
    assert decision is not None
    place = int(bench.new.place[row])
    return Newcomer(
        ticket_id=f"{row}",
        customer_id=None,
        at_ms=at_ms,
        text=bench.new.prepared.tickets[place].text,
        vector=bench.new.prepared.vectors[place],
        confidence=0.0 if decision.cluster is None else decision.cluster.confidence,
        owner=decision.owner,
    )
