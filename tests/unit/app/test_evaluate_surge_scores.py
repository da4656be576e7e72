"""Scores of surge alerts: cases worked by hand, and the same figures as the tool that README's are defined by."""

import importlib.util
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.evaluate.surge_scores import Matching, merge, score_all, score_series, totals
from app.files.series import Span

HOUR, DAY = 3600, 86_400
TOOL = (Path(__file__).resolve().parents[3] / "../shared/tools/score_surge.py").resolve()


def hours(*pairs: tuple[float, float]) -> list[Span]:
    return [(round(start * HOUR), round(end * HOUR)) for start, end in pairs]


@pytest.mark.parametrize(
    ("alerts", "wanted"),
    [
        ([], (0, 0, 0, None, 0)),
        ([(50, 51)], (1, 1, 0, 2 * HOUR, 0)),
        ([(47, 51)], (0, 1, 1, None, HOUR)),
        ([(48, 60)], (1, 1, 0, 0, 0)),
        ([(72, 73)], (1, 1, 0, DAY, HOUR)),
        ([(72.5, 73)], (0, 1, 1, None, HOUR // 2)),
        ([(50, 51), (56, 58)], (1, 1, 0, 2 * HOUR, 0)),
        ([(50, 51), (58, 59)], (1, 2, 0, 2 * HOUR, 0)),
        ([(45, 46), (50, 51)], (0, 1, 1, None, 3 * HOUR)),
        ([(0, 240)], (0, 1, 1, None, 216 * HOUR)),
        ([(-5, -1), (241, 250)], (0, 0, 0, None, 0)),
    ],
    ids=[
        "nothing",
        "within",
        "begins before",
        "begins with it",
        "begins at its end",
        "begins after",
        "gap of five hours",
        "gap of seven hours",
        "an early one swallows the right one",
        "endless",
        "outside the span",
    ],
)
def test_an_onset_in_the_window_detects_it(
    alerts: list[tuple[float, float]], wanted: tuple[int, int, int, int | None, int]
) -> None:
    """Ten days, one window on the third: hours 48 to 72. Episodes are merged over gaps of six hours."""
    scored = score_series("a", hours(*alerts), hours((48, 72)), (0, 240 * HOUR), Matching())
    (found,) = scored.found
    detected = found.episode is not None
    assert (detected, scored.episodes, scored.false_alarms, found.delay_s, scored.false_s) == wanted
    assert (scored.span_s, scored.calm_s) == (10 * DAY, 9 * DAY)


def test_an_episode_may_begin_early_where_that_is_asked_for() -> None:
    asked = Matching(early_s=2 * HOUR)
    (found,) = score_series("a", hours((46, 50)), hours((48, 72)), (0, 10 * DAY), asked).found
    assert found.delay_s == 0
    assert score_series("a", hours((45, 50)), hours((48, 72)), (0, 10 * DAY), asked).false_alarms == 1


def test_what_lies_outside_the_span_is_cut_off() -> None:
    scored = score_series("a", [], hours((-5, 0), (-3, 2), (239, 300)), (0, 240 * HOUR), Matching())
    assert [one.window for one in scored.found] == hours((0, 2), (239, 240))


def test_totals_are_over_all_series() -> None:
    """Three windows, two detected after 2 h and 1 h by two of four episodes; twenty days, 18 outside windows."""
    alerts = {"a": hours((50, 51), (100, 103)), "b": hours((49, 50), (200, 201))}
    windows = {"a": hours((48, 72)), "b": hours((48, 60), (120, 132))}
    spans = {"a": (0, 10 * DAY), "b": (0, 10 * DAY)}
    assert totals(score_all(alerts, windows, spans, Matching())) == {
        "recall": 0.6667,
        "precision": 0.5,
        "f1": 0.5714,  # 2 · 2/3 · 1/2 / (2/3 + 1/2)
        "delay_s": 1.5 * HOUR,
        "false_alarms_per_series_day": 0.1,
        "false_time_share": 0.0093,  # 4 h of 432 h
        "windows": 3,
        "detected": 2,
        "episodes": 4,
        "false_alarms": 2,
        "series": 2,
        "series_days": 20.0,
    }


def test_figures_that_nothing_can_say_are_none() -> None:
    found = totals(score_all({}, {}, {"a": (0, DAY)}, Matching()))
    assert [found[name] for name in ("recall", "precision", "f1", "delay_s")] == [None] * 4
    missed = totals(score_all({"a": hours((1, 2))}, {"a": hours((5, 6))}, {"a": (0, DAY)}, Matching()))
    assert (missed["recall"], missed["precision"], missed["f1"]) == (0.0, 0.0, 0.0)


def test_spans_are_merged_over_gaps() -> None:
    assert merge([(5, 6), (0, 3), (1, 2), (9, 9)], 2) == [(0, 6), (9, 9)]


def tool() -> Callable[..., dict[str, Any]]:
    if not TOOL.exists():
        pytest.skip("score_surge.py is not beside the repository")
    spec = importlib.util.spec_from_file_location("score_surge", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Callable[..., dict[str, Any]] = module.score
    return found


def drawn(chance: np.random.Generator, count: int, longest: int) -> list[Span]:
    starts = chance.integers(-2 * DAY, 22 * DAY, count)
    return [(int(start), int(start + chance.integers(0, longest))) for start in starts]


@pytest.mark.parametrize("seed", range(20))
def test_the_figures_are_those_of_the_tool(seed: int) -> None:
    score, chance = tool(), np.random.default_rng(seed)
    names = [f"s{number}" for number in range(5)]
    alerts: Mapping[str, Sequence[Span]] = {name: drawn(chance, 12, DAY // 2) for name in names}
    windows: Mapping[str, Sequence[Span]] = {name: drawn(chance, 4, 2 * DAY) for name in names}
    spans = dict.fromkeys(names, (0, 20 * DAY))
    matching = Matching(merge_s=int(chance.integers(0, 10)) * HOUR, early_s=int(chance.integers(0, 3)) * HOUR)
    theirs = score(alerts, windows, spans, matching.merge_s, "onset", matching.early_s)
    ours = totals(score_all(alerts, windows, spans, matching))
    same = {
        "recall": "recall",
        "precision": "precision",
        "f1": "f1",
        "delay_s": "median_delay_s",
        "false_alarms_per_series_day": "fa_per_series_day",
        "false_time_share": "false_time_share",
        "windows": "windows",
        "detected": "windows_detected",
        "episodes": "episodes",
        "false_alarms": "false_alarms",
        "series_days": "series_days",
    }
    assert {name: ours[name] for name in same} == pytest.approx(
        {name: theirs[key] for name, key in same.items()}, abs=6e-5
    )
