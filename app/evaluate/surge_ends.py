"""Where the surges of a backtest begin and end, as a worker remembers it from one evaluation to the next. Under
surge_walk."""

from collections.abc import Sequence

import numpy as np

from models.surge.detect import Detection
from models.surge.lifecycle import Course, Evidence, LifecyclePolicy, Notice, begin, looked_from, step


def lifecycle_of(bucket_s: int) -> LifecyclePolicy:
    """The worker's lifecycle. A bucket that is longer than evidence is pending has outlasted it by itself."""
    usual = LifecyclePolicy()
    return LifecyclePolicy(pending_s=0) if bucket_s > usual.pending_s else usual


class Ends:
    """The surges of every series, at the detector's own level."""

    def __init__(self, policy: LifecyclePolicy) -> None:
        self._policy, self._courses = policy, list[Course]()

    def since_s(self) -> dict[str, int]:
        """Series, and from when on their counts are a new rise: what the next evaluation is to be told."""
        return looked_from(self._courses)

    def take(self, names: Sequence[str], found: Detection) -> list[str]:
        """Go on with what an evaluation says of the series `names` [C]; those of which a surge is told now."""
        rows = {name: row for row, name in enumerate(names)}
        going = {one.clusters[0] for one in self._courses if one.is_open}
        fresh = [
            (begin((names[row],), one, found.at_s, ""), one)
            for row in np.flatnonzero(found.enters).tolist()
            if names[row] not in going
            for one in [_evidence(found, row, is_new=True)]
        ]
        there = [
            (one, _evidence(found, rows[one.clusters[0]], is_new=False))
            for one in self._courses
            if one.clusters[0] in rows
        ]
        stepped = [step(one, evidence, found.at_s, self._policy) for one, evidence in (*there, *fresh)]
        self._courses = [one for one, _ in stepped if one is not None]
        return [one.clusters[0] for one, notice in stepped if one is not None and notice is Notice.FIRING]


def _evidence(found: Detection, row: int, is_new: bool) -> Evidence:
    return Evidence(
        enters=bool(found.enters[row]),
        stays=is_new or bool(found.stays[row]),  # what is over by now is told all the same
        observed=int(found.observed[row]),
        expected=float(found.expected[row]),
        q=float(found.q[row]),
        window_s=int(found.window_s[row]),
        started_s=int(found.started_s[row]),
    )
