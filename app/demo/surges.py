"""Surges of a replay as the worker told them, beside the truth. Between replay and report."""

import time
from collections.abc import Mapping
from typing import Any

from app.demo.report import Truth
from app.settings import Settings
from app.surges import read_surges
from schemas.surge import Surge, SurgeKind, SurgeStatus

# A worker looks for new problems every two seconds, and at counts that came late once none has come for five: after ten
# without news it has seen all.
_PATIENCE_S = 45.0
_QUIET_S = 10.0
_LOOK_S = 0.5
_SHOWN = 3


def await_surges(settings: Settings, kafka: dict[str, Any]) -> list[Surge]:
    """What fires, once nothing was added to it for a few seconds; those that grow first, the surest first."""
    begun = since = time.monotonic()
    found: list[Surge] = []
    while time.monotonic() < min(since + _QUIET_S, begun + _PATIENCE_S):
        time.sleep(_LOOK_S)
        now = [one for one in read_surges(settings, kafka) if one.status is SurgeStatus.FIRING]
        if now != found:
            found, since = now, time.monotonic()
    return sorted(found, key=lambda one: (one.kind is SurgeKind.EMERGING, one.q_value, one.surge_id))


def surge_line(surge: Surge, truths: Mapping[str, Truth]) -> dict[str, Any]:
    """One surge for the report: how many tickets it holds, and how many of them are of its most frequent problem by the
    truth, where that is known."""
    problems = [truth.problem for one in surge.ticket_ids if (truth := truths.get(one)) is not None]
    known = [problem for problem in problems if problem is not None]
    most = max(sorted(set(known)), key=known.count, default=None)
    return {
        "surge_id": surge.surge_id,
        "kind": surge.kind.value,
        "name": surge.cluster.name,
        "owner": surge.owner,
        "tickets": surge.observed,
        "expected": surge.expected,
        "problem": most,
        "of_that_problem": known.count(most) if most is not None else None,
        "descriptions": surge.descriptions[:_SHOWN],
    }
