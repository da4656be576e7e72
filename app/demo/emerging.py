"""Emerging problems of a replay: what the worker announced, beside the truth. Between replay and report."""

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from agents.follower import Lookup
from app.demo.report import Truth
from app.emerging import read_emerging
from schemas.surge import Surge

# The leader looks every two seconds: after six without news it has seen all.
_PATIENCE_S = 30.0
_QUIET_S = 6.0
_LOOK_S = 0.5
_SHOWN = 3


def await_emerging(kafka: dict[str, Any], topic: str) -> list[Surge]:
    """What is announced, once nothing was added to it for a few seconds."""
    begun = since = time.monotonic()
    found: list[Surge] = []
    with closing(Lookup(kafka)) as lookup:
        while time.monotonic() < min(since + _QUIET_S, begun + _PATIENCE_S):
            time.sleep(_LOOK_S)
            now = read_emerging(lookup, topic)
            if now != found:
                found, since = now, time.monotonic()
    return found


def emerging_line(surge: Surge, truths: Mapping[str, Truth]) -> dict[str, Any]:
    """One announcement for the report: how many tickets it holds, and how many of them are of its most frequent problem
    by the truth, where that is known."""
    problems = [truth.problem for one in surge.ticket_ids if (truth := truths.get(one)) is not None]
    known = [problem for problem in problems if problem is not None]
    most = max(sorted(set(known)), key=known.count, default=None)
    return {
        "surge_id": surge.surge_id,
        "name": surge.cluster.name,
        "tickets": surge.observed,
        "expected": surge.expected,
        "problem": most,
        "of_that_problem": known.count(most) if most is not None else None,
        "descriptions": surge.descriptions[:_SHOWN],
    }
