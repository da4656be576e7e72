"""Surges on real counts with labelled windows: the curve of the worker's detector beside simple ones, in one run.

Numenta's anomaly benchmark, 13 series of five or thirty minutes rolled up to hours, 43 windows. Prints tables; asserts
no time.
"""

from pathlib import Path
from typing import Any

import pytest

from app.cli.surge_table import print_surge
from app.evaluate.surge_backtest import Asked, run_backtest
from app.evaluate.surge_compared import surge_compared
from app.evaluate.surge_report import surge_report
from app.files.series import SeriesColumns, read_history, read_windows
from app.scratch import Told

pytestmark = pytest.mark.bench

_DATA = (Path(__file__).resolve().parents[2] / "../shared/data/nab_counts").resolve()

# What the same detectors reached where they were first measured, less what another threshold may move.
_PEERS = {
    "ratio": {"0.02": 0.25, "0.05": 0.44, "0.10": 0.47},
    "hour_of_day": {"0.02": 0.20, "0.05": 0.42, "0.10": 0.70},
    "gaussian": {"0.02": 0.38, "0.05": 0.68, "0.10": 0.75},
}


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    if not _DATA.exists():
        pytest.skip("nab_counts is not beside the repository")
    history = read_history(_DATA / "series.jsonl.gz", SeriesColumns(), lambda _: None)
    windows = read_windows(_DATA / "labels.json")
    told = Told(lambda _: None, lambda *_: None)
    backtest = run_backtest(history, windows, Asked(), told)
    return surge_report(backtest) | surge_compared(backtest, told)


def test_the_figures(report: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print_surge(report)
    assert (report["series"], report["windows"], round(report["series_days"])) == (13, 43, 770)
    assert report["settings"]["bucket_s"] == 3600


@pytest.mark.parametrize("peer", sorted(_PEERS))
def test_no_peer_is_weaker_than_it_was_elsewhere(report: dict[str, Any], peer: str) -> None:
    found = report["curves"][peer]["recall_at"]
    assert {most: found[most] >= least for most, least in _PEERS[peer].items()} == dict.fromkeys(found, True)


def test_the_detector_reaches_its_goals(report: dict[str, Any]) -> None:
    """The series are of different companies and years: each is judged alone, as the peers judge it."""
    found = report["curves"]["sluice_alone"]
    assert found["recall_at"]["0.02"] >= 0.58
    assert found["recall_at"]["0.05"] >= 0.78
    assert found["false_alarms_at"]["0.7"] <= 0.035


def test_judged_together_it_reaches_those_of_few_false_alarms(report: dict[str, Any]) -> None:
    """What one series teaches about another, and that the more is asked of each the more there are, is of no help to
    series that have nothing to do with each other."""
    found = report["curves"]["sluice"]
    assert found["recall_at"]["0.02"] >= 0.58
    assert found["false_alarms_at"]["0.7"] <= 0.035


@pytest.mark.parametrize("peer", sorted(_PEERS))
def test_the_detector_is_ahead_of_each_peer(report: dict[str, Any], peer: str) -> None:
    ours, theirs = report["curves"]["sluice_alone"], report["curves"][peer]
    assert all(ours["recall_at"][most] > least for most, least in theirs["recall_at"].items())
    assert all(ours["false_alarms_at"][least] < most for least, most in theirs["false_alarms_at"].items())
