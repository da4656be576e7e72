"""What a backtest found: figures over all series, and its windows, series and pages. After surge_backtest."""

from typing import Any

from app.evaluate.surge_alerts import Alert
from app.evaluate.surge_backtest import Backtest, pages_of, spans_of, time_text, weeks_of
from app.evaluate.surge_scores import Scored, score_all, share, totals
from app.files.series import Span

OF_LABELS = ("recall", "precision", "f1", "delay_s", "false_alarms_per_series_day", "false_time_share")
"""Figures that labels are needed for."""


def surge_report(backtest: Backtest) -> dict[str, Any]:
    """All of it; the figures that need labels are None where there are none."""
    scored = score_all(
        spans_of(backtest.alerts), backtest.windows or {}, backtest.spans, backtest.asked.matching
    )
    figures = totals(scored)
    if backtest.windows is None:
        figures |= dict.fromkeys((*OF_LABELS, "windows", "detected", "false_alarms"))
    found = [one for series in scored for one in series.found]
    return {
        **figures,
        "pages": len(pages := pages_of(backtest.alerts, backtest.spans)),
        "pages_per_week": share(len(pages), weeks_of(backtest)),
        "detected_windows": [
            {
                **_window(one.series, one.window),
                "alerted_at": time_text(one.episode[0]),
                "delay_s": one.delay_s,
            }
            for one in found
            if one.episode is not None
        ],
        "missed_windows": [_window(one.series, one.window) for one in found if one.episode is None],
        "per_series": [_row(one, backtest) for one in scored],
        "alerts": [_alert(one) for one in backtest.alerts],
        "settings": _settings(backtest),
    }


def _settings(backtest: Backtest) -> dict[str, Any]:
    asked = backtest.asked
    return {
        "rule": asked.detect.rule,
        "false_pages_per_week": asked.detect.false_pages_per_week,
        "bucket_s": backtest.bucket_s,
        "alone": asked.alone,
        "merge_s": asked.matching.merge_s,
        "early_s": asked.matching.early_s,
        "warm_up_s": asked.warm_up_s,
    }


def _row(scored: Scored, backtest: Backtest) -> dict[str, Any]:
    labelled = backtest.windows is not None
    start, end = backtest.spans[scored.series]
    return {
        "series": scored.series,
        "from": time_text(start),
        "to": time_text(end),
        "windows": len(scored.found) if labelled else None,
        "detected": sum(one.episode is not None for one in scored.found) if labelled else None,
        "episodes": scored.episodes,
        "false_alarms": scored.false_alarms if labelled else None,
    }


def _window(series: str, window: Span) -> dict[str, Any]:
    return {"series": series, "start": time_text(window[0]), "end": time_text(window[1])}


def _alert(alert: Alert) -> dict[str, Any]:
    return {
        "series": alert.series,
        "start": time_text(alert.start_s),
        "end": time_text(alert.end_s),
        "started_at": time_text(alert.started_s),
        "observed": alert.observed,
        "expected": round(alert.expected, 3),
        "q": float(f"{alert.q:.3g}"),
        "window_s": alert.window_s,
    }
