"""Scores of surge alerts against the times at which people say that something happened. Pure.

    episode        alerts of one series with gaps of at most `merge_s` between them
    detected       some episode begins in [start - early_s, end] of the window: an alarm that never ends finds nothing
    false alarm    an episode that detects no window

A series is scored over its span; alerts and windows are clipped to it, and a window of which nothing is left is no
window. These are the definitions of onset matching that the figures in README are made with.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from app.files.series import Span

DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Matching:
    """How alerts and windows are held against each other.

    Attributes:
        merge_s: alerts with a gap of so many seconds or fewer are one episode.
        early_s: how long before its window an episode may begin.
    """

    merge_s: int = 6 * 3600
    early_s: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A window with the episode that detected it first, or None; the end of both belongs to it."""

    series: str
    window: Span
    episode: Span | None

    @property
    def delay_s(self) -> int | None:
        """From the window's start to the episode's, not below 0."""
        return None if self.episode is None else max(0, self.episode[0] - self.window[0])


@dataclass(frozen=True, slots=True)
class Scored:
    """One series scored.

    Attributes:
        found: its windows.
        episodes, false_alarms: their number.
        span_s: length of what was scored.
        calm_s: that of it outside all windows.
        false_s: that of it which episodes cover outside all windows.
    """

    series: str
    found: tuple[Found, ...]
    episodes: int
    false_alarms: int
    span_s: int
    calm_s: int
    false_s: int


def score_series(
    series: str, alerts: Iterable[Span], windows: Iterable[Span], span: Span, matching: Matching
) -> Scored:
    """Hold the alerts of one series against its windows, all in epoch seconds."""
    kept = [(start, end) for start, end in clip(windows, span) if end > start]
    episodes = merge(clip(alerts, span), matching.merge_s)
    of_window = [
        [episode for episode in episodes if start - matching.early_s <= episode[0] <= end]
        for start, end in kept
    ]
    detecting = {episode for several in of_window for episode in several}
    apart = merge(kept, 0)
    return Scored(
        series=series,
        found=tuple(
            Found(series, window, min(several, default=None))
            for window, several in zip(kept, of_window, strict=True)
        ),
        episodes=len(episodes),
        false_alarms=len(episodes) - len(detecting),
        span_s=span[1] - span[0],
        calm_s=span[1] - span[0] - _length(apart),
        false_s=_length(episodes) - _length(_overlaps(episodes, apart)),
    )


def score_all(
    alerts: Mapping[str, Sequence[Span]],
    windows: Mapping[str, Sequence[Span]],
    spans: Mapping[str, Span],
    matching: Matching,
) -> list[Scored]:
    """Every series that has a span."""
    return [
        score_series(name, alerts.get(name, ()), windows.get(name, ()), span, matching)
        for name, span in spans.items()
    ]


def totals(scored: Sequence[Scored]) -> dict[str, Any]:
    """The figures over all series; None where nothing can say it.

    `precision` is the share of episodes that detect a window, `recall` that of windows detected, `delay_s` the median
    of the detected ones, `false_time_share` the share of the time outside windows that episodes cover.
    """
    found = [one for series in scored for one in series.found]
    delays = [one.delay_s for one in found if one.delay_s is not None]
    episodes, false = sum(one.episodes for one in scored), sum(one.false_alarms for one in scored)
    days = sum(one.span_s for one in scored) / DAY_S
    return {
        "recall": share(len(delays), len(found)),
        "precision": share(episodes - false, episodes),
        "f1": _f1(len(delays), len(found), episodes - false, episodes),
        "delay_s": median(delays) if delays else None,
        "false_alarms_per_series_day": share(false, days),
        "false_time_share": share(sum(one.false_s for one in scored), sum(one.calm_s for one in scored)),
        "windows": len(found),
        "detected": len(delays),
        "episodes": episodes,
        "false_alarms": false,
        "series": len(scored),
        "series_days": round(days, 3),
    }


def merge(spans: Iterable[Span], gap_s: int) -> list[Span]:
    """Spans by their start, those with a gap of at most `gap_s` joined."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start - found[-1][1] <= gap_s:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def clip(spans: Iterable[Span], within: Span) -> list[Span]:
    """What of the spans lies within another; a span that only touches it becomes a moment."""
    low, high = within
    return [(max(start, low), min(end, high)) for start, end in spans if end >= low and start <= high]


def share(part: float, whole: float) -> float | None:
    """To four places, None of nothing."""
    return round(part / whole, 4) if whole else None


def _f1(detected: int, windows: int, right: int, episodes: int) -> float | None:
    """Harmonic mean of detected / windows and right / episodes."""
    if not windows or not episodes:
        return None
    recall, precision = detected / windows, right / episodes
    return round(2 * precision * recall / (precision + recall), 4) if detected else 0.0


def _overlaps(one: Sequence[Span], other: Sequence[Span]) -> list[Span]:
    """Where spans of both lie; within each, no two touch."""
    return [(max(a, c), min(b, d)) for a, b in one for c, d in other if min(b, d) > max(a, c)]


def _length(spans: Sequence[Span]) -> int:
    """Of spans of which no two overlap."""
    return sum(end - start for start, end in spans)
