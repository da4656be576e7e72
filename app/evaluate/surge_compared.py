"""A backtest beside others: our curve and those of simple detectors on the same series, and what the settings move.
After surge_backtest.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from app.evaluate.surge_alerts import all_alerts
from app.evaluate.surge_backtest import Backtest, pages_of, spans_of, weeks_of
from app.evaluate.surge_ends import lifecycle_of
from app.evaluate.surge_peers import PEERS, curve, operating, peer_curve, settings_of
from app.evaluate.surge_report import OF_LABELS
from app.evaluate.surge_scores import score_all, share, totals
from app.evaluate.surge_walk import Trace, walk
from app.files.series import Floats, Span
from app.scratch import Told
from models.surge.detect import DetectPolicy
from models.surge.window import WindowPolicy

SETTINGS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""False pages a week that the table of settings shows."""

_NONE: Floats = np.zeros(0)


def surge_compared(backtest: Backtest, told: Told) -> dict[str, Any]:
    """Our curves beside those of the peers, and what the settings of a worker move; of one with windows."""
    windows, spans, matching = backtest.windows or {}, backtest.spans, backtest.asked.matching
    curves = {}
    if backtest.asked.detect.rule == "model":
        told.step("the curve of Sluice, over its evaluation level")
        for name, of in {"sluice": "q", "sluice_alone": "p"}.items():
            curves[name] = curve(
                levels_of(backtest.trace, of), _at(backtest.trace, of), windows, spans, matching
            )
    for name, score in PEERS.items():
        told.step(f"the curve of {name}")
        curves[name] = peer_curve(score, backtest.history.series, windows, spans, matching)
    return {
        "curves": {name: operating(points) for name, points in curves.items()},
        "sensitivity": _sensitivity(backtest, told),
    }


def levels_of(trace: Trace, of: str) -> list[float]:
    """Levels to try, from the strictest.

    Args:
        of: `q`, by which series are judged together, or `p`, by which each is judged as if it were alone.
    """
    there = np.concatenate([_NONE, *(getattr(seen, of) for seen in trace.seen.values())])
    return [-one for one in settings_of(-there)]


def _at(trace: Trace, of: str) -> Callable[[float], dict[str, list[Span]]]:
    """What would have been alerted at a level."""
    policy = lifecycle_of(trace.bucket_s)

    def alerts(level: float) -> dict[str, list[Span]]:
        return spans_of(all_alerts(trace, policy, lambda seen: getattr(seen, of) <= level))

    return alerts


def _sensitivity(backtest: Backtest, told: Told) -> list[dict[str, Any]]:
    """The figures by what an operator may set."""
    set_to = backtest.asked.detect
    policies = [
        *(replace(set_to, rule="model", false_pages_per_week=pages) for pages in SETTINGS),
        replace(set_to, rule="ratio"),
    ]
    bucket_s = backtest.trace.bucket_s
    rows = []
    for policy in policies:
        if policy == set_to:
            trace, alerts = backtest.trace, backtest.alerts
        else:
            told.step(f"again, set to {_set_to(policy)}")
            trace = walk(backtest.history, policy, WindowPolicy(bucket_s=bucket_s), told.progress)
            alerts = all_alerts(trace, lifecycle_of(bucket_s))
        scored = score_all(spans_of(alerts), backtest.windows or {}, backtest.spans, backtest.asked.matching)
        figures = totals(scored)
        rows.append(
            {
                "rule": policy.rule,
                "false_pages_per_week": policy.false_pages_per_week if policy.rule == "model" else None,
                **{name: figures[name] for name in OF_LABELS},
                "pages_per_week": share(len(pages_of(alerts, backtest.spans)), weeks_of(backtest)),
            }
        )
    return rows


def _set_to(policy: DetectPolicy) -> str:
    if policy.rule == "ratio":
        return "the rule ratio"
    return f"{policy.false_pages_per_week:g} false pages a week"
