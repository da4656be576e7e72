"""What a worker would have paged: the lifecycle of surges over what the detector saw. After surge_walk.

An alert begins when its page would have been sent and ends when its end would have been told. Series are not grouped:
a file of counts says nothing of customers or products.

At another level than the detector's own, what it remembers of ended surges is still what it was at its own: exact for
the pages that a worker sends, and nearly so for a curve.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from app.evaluate.surge_walk import Flags, Seen, Trace
from models.surge.lifecycle import Evidence, LifecyclePolicy, Notice, begin, step


@dataclass(frozen=True, slots=True)
class Alert:
    """A page, and what it said.

    Attributes:
        start_s, end_s: when it was sent, and when its end was told or the series ended; epoch seconds.
        started_s: when it said that the surge began.
        observed, expected: tickets of the window that told most, `window_s` long.
        q: how likely so many are by chance, corrected for how many series were looked at.
    """

    series: str
    start_s: int
    end_s: int
    started_s: int
    observed: int
    expected: float
    q: float
    window_s: int


def as_judged(seen: Seen) -> Flags:
    """Where the evidence enters by the detector's own level."""
    return seen.enters


def all_alerts(
    traces: Iterable[Trace], policy: LifecyclePolicy, enters: Callable[[Seen], Flags] = as_judged
) -> list[Alert]:
    """The alerts of every series, by their time.

    Args:
        enters: where the evidence enters, [n]. Where it stays is left as it is, though what enters stays.
    """
    found: list[Alert] = []
    for trace in traces:
        for name, seen in trace.seen.items():
            found += _alerts(name, trace, seen, enters(seen), policy)
    return sorted(found, key=lambda one: (one.start_s, one.series))


def _alerts(name: str, trace: Trace, seen: Seen, enters: Flags, policy: LifecyclePolicy) -> list[Alert]:
    looks = _evidence(seen, enters)
    found: list[Alert] = []
    done = -1
    for begins in seen.number[enters].tolist():
        if begins <= done:  # it belongs to the surge before
            continue
        course = begin((name,), looks[begins], int(trace.at_s[begins]), "")
        paged: tuple[int, Evidence] | None = None
        for done in range(begins, trace.lived[name][1] + 1):
            at_s = int(trace.at_s[done])
            look = looks.get(done, _nothing(at_s))
            if done == begins:  # what is over by now is told all the same
                look = replace(look, stays=True)
            after, notice = step(course, look, at_s, policy)
            if notice is Notice.FIRING:
                paged = at_s, look
            if after is None or not after.is_open:
                break
            course = after
        if paged is not None:
            found.append(_alert(name, *paged, int(trace.at_s[done])))
    return found


def _evidence(seen: Seen, enters: Flags) -> dict[int, Evidence]:
    """By the number of the evaluation."""
    columns = (
        enters,
        (seen.stays | enters) & ~seen.over,
        np.rint(seen.observed).astype(int),
        seen.expected,
        seen.q,
    )
    rows = zip(*(one.tolist() for one in (*columns, seen.window_s, seen.started_s)), strict=True)
    return {number: Evidence(*row) for number, row in zip(seen.number.tolist(), rows, strict=True)}


def _nothing(at_s: int) -> Evidence:
    return Evidence(enters=False, stays=False, observed=0, expected=0.0, q=1.0, window_s=0, started_s=at_s)


def _alert(name: str, start_s: int, said: Evidence, end_s: int) -> Alert:
    return Alert(name, start_s, end_s, said.started_s, said.observed, said.expected, said.q, said.window_s)
