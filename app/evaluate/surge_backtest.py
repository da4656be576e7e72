"""A backtest: a history walked through, with the pages that a worker would have sent. After surge_alerts, before
surge_report, surge_compared and surge_plot.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.evaluate.surge_alerts import Alert, all_alerts
from app.evaluate.surge_ends import lifecycle_of
from app.evaluate.surge_scores import DAY_S, Matching, merge
from app.evaluate.surge_walk import Trace, bucket_of, lives, walk
from app.files.series import History, Span
from app.scratch import Told
from models.errors import Fatal
from models.surge.detect import DetectPolicy
from models.surge.window import WindowPolicy
from schemas.contract import time_of, write_time

_WEEK_S = 7 * DAY_S


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a backtest.

    Attributes:
        detect: as a worker is set.
        bucket_s: 300 or 3600; None for what suits the history.
        matching: of alerts with windows.
        warm_up_s: of each series, before it is scored.
        alone: each series is judged as if it were the only one, for series that have nothing to do with each other.
        with_expected: what was expected is told too, to be drawn.
    """

    detect: DetectPolicy = field(default_factory=DetectPolicy)
    bucket_s: int | None = None
    matching: Matching = field(default_factory=Matching)
    warm_up_s: int = 2 * DAY_S
    alone: bool = False
    with_expected: bool = False


@dataclass(frozen=True, slots=True)
class Backtest:
    """A history that was walked through.

    Attributes:
        windows: what people say happened, by series; None where nobody said it.
        spans: what of each series is scored.
        bucket_s: length of a bucket.
        traces: what the detector saw, one trace of all series or one of each.
    """

    asked: Asked
    history: History
    windows: Mapping[str, Sequence[Span]] | None
    spans: Mapping[str, Span]
    bucket_s: int
    traces: list[Trace]
    alerts: list[Alert]


def run_backtest(
    history: History, windows: Mapping[str, Sequence[Span]] | None, asked: Asked, told: Told
) -> Backtest:
    """Walk through the history as a worker that is set so.

    Raises:
        Fatal: the history is coarser than an hour or no longer than the warm-up.
    """
    bucket_s = asked.bucket_s or bucket_of(history)
    lived = lives(history)
    spans = {
        name: (start + asked.warm_up_s, end)
        for name, (start, end) in lived.items()
        if end > start + asked.warm_up_s
    }
    if not spans:
        raise Fatal(f"no series is longer than the warm-up, {asked.warm_up_s / DAY_S:g} days")
    first, last = min(start for start, _ in lived.values()), max(end for _, end in lived.values())
    every = f"every {bucket_s // 60} minutes"
    told.step(f"{len(lived)} series of {time_text(first)[:10]} to {time_text(last)[:10]}, {every}")
    traces = walk_as(history, asked, bucket_s, told)
    alerts = all_alerts(traces, lifecycle_of(bucket_s))
    return Backtest(asked, history, windows, spans, bucket_s, traces, alerts)


def walk_as(history: History, asked: Asked, bucket_s: int, told: Told) -> list[Trace]:
    """What the detector sees of a history, set so: all series together, or each by itself."""
    policy = WindowPolicy(bucket_s=bucket_s)
    names = [one.name for one in history.series] if asked.alone else [None]
    return [walk(history, asked.detect, policy, told.progress, asked.with_expected, name) for name in names]


def spans_of(alerts: Sequence[Alert]) -> dict[str, list[Span]]:
    """When each series was alerted."""
    found: dict[str, list[Span]] = defaultdict(list)
    for one in alerts:
        found[one.series].append((one.start_s, one.end_s))
    return found


def pages_of(alerts: Sequence[Alert], spans: Mapping[str, Span]) -> list[Alert]:
    """The alerts that begin in what is scored."""
    return [
        one
        for one in alerts
        if one.series in spans and spans[one.series][0] <= one.start_s <= spans[one.series][1]
    ]


def weeks_of(backtest: Backtest) -> float:
    """Time in which some series is scored."""
    return sum(end - start for start, end in merge(backtest.spans.values(), 0)) / _WEEK_S


def time_text(at_s: int) -> str:
    """Epoch seconds as RFC 3339."""
    return write_time(time_of(at_s * 1000))
