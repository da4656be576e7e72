"""A backtest beside others: our curve and those of simple detectors on the same series, and what the settings move.
After surge_backtest.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from app.evaluate.surge_alerts import all_alerts
from app.evaluate.surge_backtest import Backtest, pages_of, spans_of, walk_as, weeks_of
from app.evaluate.surge_ends import lifecycle_of
from app.evaluate.surge_peers import PEERS, curve, operating, peer_curve, settings_of
from app.evaluate.surge_report import OF_LABELS
from app.evaluate.surge_scores import score_all, share, totals
from app.evaluate.surge_walk import Trace
from app.files.series import Floats, Span
from app.scratch import Told
from models.surge.detect import DetectPolicy
from models.surge.lifecycle import LifecyclePolicy

SETTINGS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""False pages a week that the table of settings shows."""

_NONE: Floats = np.zeros(0)


def surge_compared(backtest: Backtest, told: Told) -> dict[str, Any]:
    """Our curves beside those of the peers, and what the settings of a worker move; of a backtest with windows.

    `sluice` judges series together, as a worker does, and `sluice_alone` each as if it were the only one, as the peers
    do.
    """
    windows, spans, matching = backtest.windows or {}, backtest.spans, backtest.asked.matching
    curves = {}
    for name, alone in {"sluice": False, "sluice_alone": True}.items() if _has_levels(backtest) else ():
        told.step(f"the curve of {name}")
        traces = backtest.traces
        if alone != backtest.asked.alone:
            asked = replace(backtest.asked, alone=alone, with_expected=False)
            traces = walk_as(backtest.history, asked, backtest.bucket_s, told)
        alerts_at = _at(traces, lifecycle_of(backtest.bucket_s))
        curves[name] = curve(levels_of(traces), alerts_at, windows, spans, matching)
    for name, score in PEERS.items():
        told.step(f"the curve of {name}")
        curves[name] = peer_curve(score, backtest.history.series, windows, spans, matching)
    return {
        "curves": {name: operating(points) for name, points in curves.items()},
        "sensitivity": _sensitivity(backtest, told),
    }


def _has_levels(backtest: Backtest) -> bool:
    """The rule `ratio` knows no chance that could be compared with a level."""
    return backtest.asked.detect.rule == "model"


def levels_of(traces: Sequence[Trace]) -> list[float]:
    """Levels of q to try, from the strictest."""
    there = [seen.q for trace in traces for seen in trace.seen.values()]
    return [-one for one in settings_of(-np.concatenate([_NONE, *there]))]


def _at(traces: Sequence[Trace], policy: LifecyclePolicy) -> Callable[[float], dict[str, list[Span]]]:
    """What would have been alerted at a level."""
    return lambda level: spans_of(all_alerts(traces, policy, lambda seen: seen.q <= level))


def _sensitivity(backtest: Backtest, told: Told) -> list[dict[str, Any]]:
    """The figures by what an operator may set."""
    usual = backtest.asked.detect
    policies = [
        *(replace(usual, rule="model", false_pages_per_week=pages) for pages in SETTINGS),
        replace(usual, rule="ratio"),
    ]
    rows = []
    for policy in policies:
        alerts = backtest.alerts
        if policy != usual:
            told.step(f"again, set to {_set_to(policy)}")
            asked = replace(backtest.asked, detect=policy, with_expected=False)
            traces = walk_as(backtest.history, asked, backtest.bucket_s, told)
            alerts = all_alerts(traces, lifecycle_of(backtest.bucket_s))
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
