"""The worker's detector over simulated weeks: false pages, how long a rise takes to be seen, and what a look costs.

1,000 clusters, 50 planted surges a week, an evaluation every 5 minutes (shared/tools/simulate_counts.py, beside the
repository). A page is what the worker's own lifecycle tells first of a surge. It is true within a planted surge; one at
the first evaluation began before the week and is none.

Prints tables; asserts what must hold of them, and no time.
"""

import sys
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from app.evaluate.surge_ends import Ends
from models.surge.detect import Detector, DetectPolicy
from models.surge.lifecycle import LifecyclePolicy
from models.surge.window import DAY_S, HOUR_S, WindowPolicy, Windows

pytestmark = [pytest.mark.bench, pytest.mark.timeout(3_600)]

_TOOL = (Path(__file__).resolve().parents[2] / "../shared/tools/simulate_counts.py").resolve()
_MONDAY_S = 20_003 * DAY_S
_SEEDS = (1, 2, 3, 4, 5)


@dataclass(frozen=True, slots=True)
class Page:
    cluster: int
    at: int


@dataclass(frozen=True, slots=True)
class Week:
    """Pages of a week, and the planted surges with minutes and tickets until their page (inf where there is none)."""

    false: int
    pages: int
    by_ratio: int
    surges: list[dict[str, Any]]


@pytest.fixture(scope="module")
def simulate() -> Callable[..., dict[str, Any]]:
    if not _TOOL.exists():
        pytest.skip("the simulation is not beside the repository")
    spec = spec_from_file_location("simulate_counts", _TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., dict[str, Any]] = module.simulate
    return found


def begun(history: NDArray[np.int64]) -> Windows:
    """Windows at the begin of the week, from hourly counts [C, H] before it."""
    windows = Windows(WindowPolicy(), _MONDAY_S)
    for number, hours in enumerate(history):
        windows.know(f"c{number}", _MONDAY_S - len(hours) * HOUR_S)
        for back, day in enumerate(hours.reshape(-1, 24)[::-1], start=1):
            record = {hour * 12: int(count) for hour, count in enumerate(day) if count}
            windows.restore_day(f"c{number}", windows.today - back, record)
    return windows


def pages_of(week: dict[str, Any], *detectors: Detector) -> list[list[Page]]:
    """What detectors page in the week, each told where the surges that it found ended."""
    windows = begun(week["hist"])
    ended = [Ends(LifecyclePolicy()) for _ in detectors]
    pages: list[list[Page]] = [[] for _ in detectors]
    for step, counts in enumerate(week["test"].T):
        at_s = _MONDAY_S + step * 300
        for cluster in np.flatnonzero(counts).tolist():
            windows.add(f"c{cluster}", at_s, int(counts[cluster]))
        windows.roll(at_s + 300)
        for detector, ends, found in zip(detectors, ended, pages, strict=True):
            told = ends.take(windows.clusters, detector.detect(windows, at_s + 300, ends.since_s()))
            found += [Page(int(name[1:]), step) for name in told] if step else []
    return pages


def watch(week: dict[str, Any]) -> Week:
    by_model, by_ratio = pages_of(
        week, *(Detector(DetectPolicy(rule=rule), WindowPolicy()) for rule in ("model", "ratio"))
    )
    surges = {surge["cluster"]: surge | {"delay": np.inf, "tickets": np.inf} for surge in week["truth"]}

    def within(page: Page) -> bool:
        surge = surges.get(page.cluster)
        return surge is not None and surge["start_bin"] <= page.at < surge["end_bin"]

    for page in filter(within, reversed(by_model)):
        surge = surges[page.cluster]
        surge["delay"] = (page.at + 1 - surge["start_bin"]) * 5
        surge["tickets"] = int(week["test"][page.cluster, surge["start_bin"] : page.at + 1].sum())
    false = [sum(not within(page) for page in pages) for pages in (by_model, by_ratio)]
    return Week(false[0], len(by_model), false[1], list(surges.values()))


def median_delay(surges: list[dict[str, Any]], rate: float, shapes: tuple[str, ...]) -> tuple[float, int]:
    """Minutes to the page of a tripling, of those whose rate at the onset was within a factor 1.8 of `rate`."""
    delays = [
        surge["delay"]
        for surge in surges
        if surge["kind"] == "x3"
        and surge["shape"] in shapes
        and rate / 1.8 <= surge["rate_at_onset"] < rate * 1.8
    ]
    return float(np.median(delays)), len(delays)


@pytest.mark.parametrize(
    ("drift", "share"), [pytest.param(0.0, 0.05, id="plain"), pytest.param(0.2, 0.08, id="drift")]
)
def test_a_simulated_week(simulate: Callable[..., dict[str, Any]], drift: float, share: float) -> None:
    weeks = [watch(simulate(seed, drift=drift)) for seed in _SEEDS]
    surges = [surge for week in weeks for surge in week.surges]
    false, pages = sum(week.false for week in weeks), sum(week.pages for week in weeks)
    by_ratio = sum(week.by_ratio for week in weeks) / len(weeks)
    lines = [
        f"drift {drift}: {false / len(weeks):.1f} false pages a week, {false / pages:.3f} of all pages;"
        f" by the rule `ratio` {by_ratio:.0f} a week"
    ]
    steps = {}
    for rate in (3.0, 10.0, 100.0):
        steps[rate] = median_delay(surges, rate, ("step",))[0]
        of = {shape: median_delay(surges, rate, (shape,)) for shape in ("step", "ramp")}
        both = median_delay(surges, rate, ("step", "ramp"))
        told = ", ".join(f"{shape} {delay:.0f} ({count})" for shape, (delay, count) in of.items())
        lines.append(f"  a tripling of {rate:.0f}/h, median minutes: {told}, both {both[0]:.0f}")
    tickets = [surge["tickets"] for surge in surges if surge["kind"] == "burst" and surge["rate"] < 0.1]
    most = np.quantile(tickets, 0.9, method="higher")
    lines.append(
        f"  a burst from under .1/h to 3/h, tickets: median {np.median(tickets):.0f}, 90th {most:.0f}"
    )
    sys.stdout.write("\n" + "\n".join(lines) + "\n")

    assert false / pages <= share
    assert np.median(tickets) <= 6
    assert most <= 8
    if not drift:
        assert false / len(weeks) <= 2.0
        assert by_ratio > 100 * false / len(weeks)
        assert steps[3.0] <= 270
        assert steps[10.0] <= 120
        assert steps[100.0] <= 45


def test_what_a_look_at_10_000_clusters_costs() -> None:
    chance = np.random.default_rng(0)
    rate = np.exp(chance.uniform(np.log(0.02), np.log(200.0), 10_000))
    history = chance.poisson(rate[:, None] * chance.gamma(10.0, 0.1, (10_000, 28 * 24)))
    windows, detector, seconds = begun(history), Detector(DetectPolicy(), WindowPolicy()), []
    for _ in range(3):
        started = time.process_time()
        detector.detect(windows, _MONDAY_S)
        seconds.append(time.process_time() - started)
    tracemalloc.start()
    windows = begun(history)
    Detector(DetectPolicy(), WindowPolicy()).detect(windows, _MONDAY_S)
    peak = tracemalloc.get_traced_memory()[1] / 2**20
    tracemalloc.stop()
    sys.stdout.write(
        f"\n10,000 clusters: {seconds[0]:.2f} s with the day's baseline to learn, then {min(seconds[1:]):.2f} s;"
        f" {peak:.0f} MiB at most, counts and all\n"
    )
    assert peak < 200
