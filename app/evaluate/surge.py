"""Surges, scored on a history of counts: what the worker's detector and lifecycle would have paged, beside what people
say happened. The whole of a backtest; its steps are surge_walk, surge_alerts and surge_scores.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from app.evaluate.surge_alerts import Alert, all_alerts, lifecycle_of
from app.evaluate.surge_peers import PEERS, curve, operating, peer_curve, settings_of
from app.evaluate.surge_scores import DAY_S, Matching, Scored, score_all, share, totals
from app.evaluate.surge_walk import Trace, bucket_of, lives, walk
from app.files.series import Floats, History, Span
from app.scratch import Told
from models.errors import Fatal
from models.surge.detect import DetectPolicy
from models.surge.window import WindowPolicy
from schemas.contract import time_of, write_time

SETTINGS = (0.5, 1.0, 2.0, 5.0, 10.0)
"""False pages a week that the table of settings shows."""

_WEEK_S = 7 * DAY_S
_NONE: Floats = np.zeros(0)
_OF_LABELS = ("recall", "precision", "f1", "delay_s", "false_alarms_per_series_day", "false_time_share")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a backtest.

    Attributes:
        detect: as a worker is set.
        bucket_s: 300 or 3600; None for what suits the history.
        matching: of alerts with windows.
        warm_up_s: of each series, before it is scored.
        peers: also the curves of others and the table of settings; needs windows.
        with_expected: what was expected is told too, to be drawn.
    """

    detect: DetectPolicy = field(default_factory=DetectPolicy)
    bucket_s: int | None = None
    matching: Matching = field(default_factory=Matching)
    warm_up_s: int = 2 * DAY_S
    peers: bool = False
    with_expected: bool = False


@dataclass(frozen=True, slots=True)
class Backtest:
    """A history that was walked through.

    Attributes:
        windows: what people say happened, by series; None where nobody said it.
        spans: what of each series is scored.
    """

    history: History
    windows: Mapping[str, Sequence[Span]] | None
    spans: Mapping[str, Span]
    trace: Trace
    alerts: list[Alert]
    report: dict[str, Any]


def evaluate_surge(
    history: History, windows: Mapping[str, Sequence[Span]] | None, asked: Asked, told: Told
) -> Backtest:
    """Walk through the history, and score what would have been paged.

    Raises:
        Fatal: the history is coarser than an hour or no longer than the warm-up, peers without windows.
    """
    if asked.peers and windows is None:
        raise Fatal("peers are compared by what people say happened; give --labels")
    bucket_s = asked.bucket_s or bucket_of(history)
    spans = {
        name: (start + asked.warm_up_s, end)
        for name, (start, end) in lives(history).items()
        if end > start + asked.warm_up_s
    }
    if not spans:
        raise Fatal(f"no series is longer than the warm-up, {asked.warm_up_s / DAY_S:g} days")
    lived = lives(history).values()
    first, last = min(start for start, _ in lived), max(end for _, end in lived)
    told.step(
        f"{len(history.series)} series of {_day(first)} to {_day(last)}, every {bucket_s // 60} minutes"
    )
    policy = WindowPolicy(bucket_s=bucket_s)
    trace = walk(history, asked.detect, policy, told.progress, asked.with_expected)
    alerts = all_alerts(trace, lifecycle_of(bucket_s))
    backtest = Backtest(history, windows, spans, trace, alerts, {})
    report = {**_scores(backtest, asked), "settings": _settings(asked, bucket_s)}
    if asked.peers:
        report |= _compared(backtest, asked, told)
    return replace(backtest, report=report)


def _scores(backtest: Backtest, asked: Asked) -> dict[str, Any]:
    """The figures, those that need labels None where there are none."""
    scored = score_all(spans_of(backtest.alerts), backtest.windows or {}, backtest.spans, asked.matching)
    figures = totals(scored)
    if backtest.windows is None:
        figures |= dict.fromkeys((*_OF_LABELS, "windows", "detected", "false_alarms"))
    found = [one for series in scored for one in series.found]
    return {
        **figures,
        "pages": len(pages := _pages(backtest.alerts, backtest.spans)),
        "pages_per_week": share(len(pages), _weeks(backtest)),
        "detected_windows": [
            {**_window(one.series, one.window), "alerted_at": _time(one.episode[0]), "delay_s": one.delay_s}
            for one in found
            if one.episode is not None
        ],
        "missed_windows": [_window(one.series, one.window) for one in found if one.episode is None],
        "per_series": [_row(one, backtest) for one in scored],
        "alerts": [_alert(one) for one in backtest.alerts],
    }


def _compared(backtest: Backtest, asked: Asked, told: Told) -> dict[str, Any]:
    """Our curve beside those of the peers, and what the settings of a worker move."""
    assert backtest.windows is not None
    windows, spans, matching = backtest.windows, backtest.spans, asked.matching
    curves = {}
    if asked.detect.rule == "model":
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
        "sensitivity": _sensitivity(backtest, asked, told),
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


def _sensitivity(backtest: Backtest, asked: Asked, told: Told) -> list[dict[str, Any]]:
    """The figures by what an operator may set."""
    policies = [
        *(replace(asked.detect, rule="model", false_pages_per_week=pages) for pages in SETTINGS),
        replace(asked.detect, rule="ratio"),
    ]
    bucket_s = backtest.trace.bucket_s
    rows = []
    for policy in policies:
        if policy == asked.detect:
            trace, alerts = backtest.trace, backtest.alerts
        else:
            told.step(f"again, set to {_set_to(policy)}")
            trace = walk(backtest.history, policy, WindowPolicy(bucket_s=bucket_s), told.progress)
            alerts = all_alerts(trace, lifecycle_of(bucket_s))
        scored = score_all(spans_of(alerts), backtest.windows or {}, backtest.spans, asked.matching)
        figures = totals(scored)
        rows.append(
            {
                "rule": policy.rule,
                "false_pages_per_week": policy.false_pages_per_week if policy.rule == "model" else None,
                **{name: figures[name] for name in _OF_LABELS},
                "pages_per_week": share(len(_pages(alerts, backtest.spans)), _weeks(backtest)),
            }
        )
    return rows


def _set_to(policy: DetectPolicy) -> str:
    if policy.rule == "ratio":
        return "the rule ratio"
    return f"{policy.false_pages_per_week:g} false pages a week"


def spans_of(alerts: Sequence[Alert]) -> dict[str, list[Span]]:
    """When each series was alerted."""
    found: dict[str, list[Span]] = defaultdict(list)
    for one in alerts:
        found[one.series].append((one.start_s, one.end_s))
    return found


def _pages(alerts: Sequence[Alert], spans: Mapping[str, Span]) -> list[Alert]:
    """The alerts that begin in what is scored."""
    return [
        one
        for one in alerts
        if one.series in spans and spans[one.series][0] <= one.start_s <= spans[one.series][1]
    ]


def _weeks(backtest: Backtest) -> float:
    """Time in which some series is scored."""
    at_s = backtest.trace.at_s
    scored = np.zeros(len(at_s), dtype=bool)
    for start, end in set(backtest.spans.values()):
        scored |= (at_s >= start) & (at_s <= end)
    return float(scored.sum()) * backtest.trace.bucket_s / _WEEK_S


def _settings(asked: Asked, bucket_s: int) -> dict[str, Any]:
    return {
        "rule": asked.detect.rule,
        "false_pages_per_week": asked.detect.false_pages_per_week,
        "bucket_s": bucket_s,
        "merge_s": asked.matching.merge_s,
        "early_s": asked.matching.early_s,
        "warm_up_s": asked.warm_up_s,
    }


def _row(scored: Scored, backtest: Backtest) -> dict[str, Any]:
    labelled = backtest.windows is not None
    start, end = backtest.spans[scored.series]
    return {
        "series": scored.series,
        "from": _time(start),
        "to": _time(end),
        "windows": len(scored.found) if labelled else None,
        "detected": sum(one.episode is not None for one in scored.found) if labelled else None,
        "episodes": scored.episodes,
        "false_alarms": scored.false_alarms if labelled else None,
    }


def _window(series: str, window: Span) -> dict[str, Any]:
    return {"series": series, "start": _time(window[0]), "end": _time(window[1])}


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "series": alert.series,
        "start": _time(alert.start_s),
        "end": _time(alert.end_s),
        "started_at": _time(alert.started_s),
        "observed": alert.observed,
        "expected": round(alert.expected, 3),
        "q": float(f"{alert.q:.3g}"),
        "window_s": alert.window_s,
    }


def _day(at_s: int) -> str:
    return _time(at_s)[:10]


def _time(at_s: int) -> str:
    return write_time(time_of(at_s * 1000))
