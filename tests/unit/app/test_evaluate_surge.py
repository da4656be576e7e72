"""`sluice evaluate surge`: the walk, the pages, the curves, its keys, and one line for what is wrong."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.evaluate.surge_alerts import all_alerts
from app.evaluate.surge_backtest import Asked, Backtest, run_backtest
from app.evaluate.surge_compared import levels_of, surge_compared
from app.evaluate.surge_ends import lifecycle_of
from app.evaluate.surge_peers import (
    Point,
    gaussian,
    hour_of_day,
    hourly,
    operating,
    peer_curve,
    ratio,
    settings_of,
)
from app.evaluate.surge_report import surge_report
from app.evaluate.surge_scores import Matching
from app.evaluate.surge_walk import bucket_of, lives, walk
from app.files.series import History, Series
from app.scratch import Told
from models.errors import Fatal
from models.surge.detect import DetectPolicy
from models.surge.window import WindowPolicy
from tests.unit.app.conftest import Run

HOUR, DAY = 3600, 86_400
AT_S = 1_772_409_600  # 2026-03-02T00:00:00Z, a Monday
DAYS = 15
SURGE = (AT_S + 12 * DAY + 9 * HOUR, AT_S + 12 * DAY + 15 * HOUR)
QUIET = Told(lambda _: None, lambda _done, _all: None)

KEYS = [
    *("recall", "precision", "f1", "delay_s", "false_alarms_per_series_day", "false_time_share"),
    *("windows", "detected", "episodes", "false_alarms", "series", "series_days", "pages", "pages_per_week"),
    *("detected_windows", "missed_windows", "per_series", "alerts", "settings", "bad_rows"),
]
OF_LABELS = [*KEYS[:8], "false_alarms"]


def series(name: str, counts: NDArray[np.int64], every_s: int = HOUR, start_s: int = AT_S) -> Series:
    return Series(name, start_s + every_s * np.arange(len(counts)), counts.astype(np.float64))


def company(every_s: int = HOUR) -> History:
    """Fifteen days of three series of ten tickets an hour, by the hour or finer; one of them five times that on the
    13th day from nine to three."""
    chance = np.random.default_rng(3)
    at_s = AT_S + every_s * np.arange(DAYS * DAY // every_s)
    rate = np.full(len(at_s), 10.0 * every_s / HOUR)
    rising = np.where((at_s >= SURGE[0]) & (at_s < SURGE[1]), 5.0, 1.0)
    rates = {"login": rate * rising, "payments": rate, "search": rate}
    return History(
        tuple(series(name, chance.poisson(one), every_s) for name, one in rates.items()), are_events=False
    )


@pytest.fixture(scope="module")
def backtest() -> Backtest:
    return run_backtest(company(), {"login": [SURGE]}, Asked(), QUIET)


# -- the walk


@pytest.mark.parametrize(
    ("spacings", "wanted"),
    [([300, 300], 300), ([60], 300), ([300, 1800], 3600), ([3600], 3600), ([3600, DAY], 3600)],
    ids=["as fine as a worker", "finer", "one is coarser", "by the hour", "one rests often"],
)
def test_buckets_are_as_fine_as_the_series(spacings: list[int], wanted: int) -> None:
    rows = [series(f"{n}", np.ones(20, dtype=np.int64), every_s) for n, every_s in enumerate(spacings)]
    assert bucket_of(History(tuple(rows), are_events=False)) == wanted


def test_events_are_judged_every_five_minutes_and_days_not_at_all() -> None:
    daily = (series("a", np.ones(20, dtype=np.int64), DAY),)
    assert bucket_of(History(daily, are_events=True)) == 300
    with pytest.raises(Fatal, match="counts by the hour or finer are needed"):
        bucket_of(History(daily, are_events=False))


def test_a_category_of_events_lives_as_long_as_the_file_and_counts_from_row_to_row() -> None:
    rows = (
        series("a", np.ones(3, dtype=np.int64)),
        series("b", np.ones(2, dtype=np.int64), start_s=AT_S + 5 * HOUR),
    )
    assert lives(History(rows, are_events=False))["b"] == (AT_S + 5 * HOUR, AT_S + 6 * HOUR)
    assert set(lives(History(rows, are_events=True)).values()) == {(AT_S, AT_S + 6 * HOUR)}


def test_a_series_is_evaluated_while_it_lives() -> None:
    early, late = np.full(100, 5), np.full(80, 5)
    early[-1] = late[-1] = 500
    rows = (series("a", early), series("b", late, start_s=AT_S + 200 * HOUR))
    trace = walk(History(rows, are_events=False), DetectPolicy(), WindowPolicy(bucket_s=HOUR), QUIET.progress)
    assert trace.lived == {"a": (0, 99), "b": (100, 179)}
    assert trace.at_s[[0, 99, 100, 179]].tolist() == [AT_S + hours * HOUR for hours in (1, 100, 201, 280)]
    assert {name: seen.number[seen.enters].tolist() for name, seen in trace.seen.items()} == {
        "a": [99],
        "b": [179],
    }


# -- pages


@pytest.mark.parametrize("every_s", [HOUR, 300], ids=["by the hour", "by five minutes"])
def test_a_surge_is_paged_once_and_ends(every_s: int) -> None:
    found = run_backtest(company(every_s), {"login": [SURGE]}, Asked(), QUIET)
    (alert,) = [one for one in found.alerts if one.start_s >= AT_S + 2 * DAY]
    assert alert.series == "login"
    assert SURGE[0] < alert.start_s <= SURGE[0] + 2 * HOUR
    assert SURGE[1] < alert.end_s < SURGE[1] + 2 * DAY
    assert alert.observed > 2 * alert.expected > 0
    assert abs(alert.started_s - SURGE[0]) <= 2 * HOUR
    assert surge_report(found)["delay_s"] == alert.start_s - SURGE[0]


def test_the_level_that_the_detector_has_gives_its_own_pages(backtest: Backtest) -> None:
    traces, policy = backtest.traces, lifecycle_of(backtest.bucket_s)
    level = DetectPolicy().level
    assert all_alerts(traces, policy, lambda seen: seen.q <= level) == backtest.alerts != []
    assert all_alerts(traces, policy, lambda seen: seen.q < 0) == []
    assert len(all_alerts(traces, policy, lambda seen: seen.q <= 0.5)) > len(backtest.alerts)
    assert levels_of(traces)[0] < level < levels_of(traces)[-1]


def test_alone_a_series_is_judged_as_if_there_were_no_other() -> None:
    login, payments, search = company().series
    found = run_backtest(company(), None, Asked(alone=True), QUIET)
    assert [list(trace.lived) for trace in found.traces] == [[one.name] for one in (login, payments, search)]
    by_itself = run_backtest(History((login,), are_events=False), None, Asked(), QUIET)
    assert found.alerts == by_itself.alerts != []
    (together,) = run_backtest(company(), None, Asked(), QUIET).alerts
    assert found.alerts[0].q < together.q


def test_a_surge_that_goes_on_ends_with_its_series() -> None:
    counts = np.full(30 * 24, 10)
    counts[-5:] = 200
    rows = History((series("a", counts),), are_events=False)
    (alert,) = run_backtest(rows, None, Asked(), QUIET).alerts[-1:]
    assert alert.end_s == AT_S + 30 * DAY


# -- the report


def test_the_surge_is_the_window_that_was_detected(backtest: Backtest) -> None:
    report = surge_report(backtest)
    assert (report["recall"], report["windows"], report["detected"]) == (1.0, 1, 1)
    assert (report["precision"], report["false_alarms"], report["pages"]) == (1.0, 0, 1)
    (window,) = report["detected_windows"]
    assert (window["series"], window["start"]) == ("login", "2026-03-14T09:00:00.000Z")
    assert report["missed_windows"] == []
    assert [one["detected"] for one in report["per_series"]] == [1, 0, 0]
    assert report["series_days"] == pytest.approx(3 * (DAYS - 2), abs=0.2)
    assert report["pages_per_week"] == pytest.approx(7 / (DAYS - 2), abs=0.01)


def test_without_labels_there_are_pages_and_no_scores() -> None:
    report = surge_report(run_backtest(company(), None, Asked(), QUIET))
    assert [report[name] for name in OF_LABELS] == [None] * len(OF_LABELS)
    assert report["pages"] == report["episodes"] == 1
    assert report["per_series"][0]["windows"] is None


def test_peers_and_settings_stand_beside() -> None:
    backtest = run_backtest(company(), {"login": [SURGE]}, Asked(), QUIET)
    report = surge_report(backtest) | surge_compared(backtest, QUIET)
    assert list(report["curves"]) == ["sluice", "sluice_alone", "ratio", "hour_of_day", "gaussian"]
    assert report["curves"]["sluice"]["recall_at"] == {"0.02": 1.0, "0.05": 1.0, "0.10": 1.0}
    assert report["curves"]["sluice"]["false_alarms_at"] == {"0.5": 0.0, "0.7": 0.0}
    rows = report["sensitivity"]
    assert [one["false_pages_per_week"] for one in rows] == [0.5, 1, 2, 5, 10, None]
    assert [one["rule"] for one in rows] == ["model"] * 5 + ["ratio"]
    (usual,) = [one for one in rows if one["false_pages_per_week"] == 2]
    assert {name: usual[name] for name in usual if name in report} == {
        name: report[name] for name in usual if name in report
    }


def test_a_history_that_is_all_warm_up_is_one_line() -> None:
    with pytest.raises(Fatal, match="no series is longer than the warm-up, 30 days"):
        run_backtest(company(), None, Asked(warm_up_s=30 * DAY), QUIET)


# -- peers


def test_the_ratio_is_that_of_an_hour_to_the_day_before() -> None:
    found = ratio(np.array([2.0] * 24 + [8.0, 0.0]))
    assert np.isneginf(found[[*range(24), 25]]).all()
    assert found[24] == 4.0


def test_deviations_are_from_the_same_hour_or_from_all() -> None:
    """Days of 23 hours of 10 and one of 30: usual at that hour, three deviations and more among all hours."""
    count = np.tile([10.0] * 23 + [30.0], 4)
    assert hour_of_day(count)[-1] == 0.0
    past = count[:-1]
    assert gaussian(count)[-1] == pytest.approx((30 - past.mean()) / past.std(ddof=1))
    assert np.isneginf(gaussian(count)[:48]).all()
    flat = np.append(np.full(60, 10.0), 14.0)
    assert gaussian(flat)[-1] == hour_of_day(flat)[-1] == 4.0  # no deviation is below one count


def test_hours_without_a_row_hold_nothing() -> None:
    hours = hourly(Series("a", np.array([AT_S + 60, AT_S + 7260]), np.array([3.0, 4.0])))
    assert (hours.start_s, hours.count.tolist()) == (AT_S, [3.0, 0.0, 4.0])


def test_a_peers_alert_is_told_at_the_end_of_its_hour() -> None:
    counts = np.full(100, 10)
    counts[80] = 100
    row, hour = series("a", counts), AT_S + 80 * HOUR
    spans = {"a": (AT_S + 2 * DAY, AT_S + 100 * HOUR)}
    for window, recall in (((hour, hour + HOUR - 1), 0.0), ((hour, hour + HOUR), 1.0)):
        points = peer_curve(ratio, [row], {"a": [window]}, spans, Matching())
        assert points[0].setting == 10.0
        assert points[0].recall == recall


def test_a_curve_is_read_at_its_best_points() -> None:
    points = [Point(9, 0.0, 0.2), Point(8, 0.02, 0.6), Point(7, 0.04, 0.5), Point(6, 0.2, 0.9)]
    assert operating(points) == {
        "recall_at": {"0.02": 0.6, "0.05": 0.6, "0.10": 0.6},
        "false_alarms_at": {"0.5": 0.02, "0.7": 0.2},
    }
    assert operating(points[:1])["false_alarms_at"] == {"0.5": None, "0.7": None}


def test_thresholds_begin_at_the_highest_score() -> None:
    found = settings_of(np.array([-np.inf, 1.0, 5.0, 2.0]))
    assert found[0] <= 5.0
    assert found == sorted(found, reverse=True)
    assert settings_of(np.array([-np.inf])) == []


# -- the command


@pytest.fixture
def run(sluice: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `sluice evaluate surge` with these words."""
    monkeypatch.setenv("COLUMNS", "200")
    return partial(sluice, "evaluate", "surge")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    lines = ["ts,series,count"]
    for one in company().series:
        lines += [
            f"{at_s},{one.name},{count:g}"
            for at_s, count in zip(one.at_s.tolist(), one.count.tolist(), strict=True)
        ]
    path = tmp_path / "series.csv"
    path.write_text("\n".join([*lines, "never,login,1"]))
    return path


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.json"
    path.write_text(json.dumps({"login": {"windows": [SURGE]}, "other": []}))
    return path


def test_the_keys_are_fixed(run: Run, file: Path, labels: Path) -> None:
    code, out, err = run(file, "--labels", labels, "--json")
    assert code == 0, err
    report = json.loads(out)
    assert list(report) == KEYS
    assert (report["recall"], report["bad_rows"]) == (1.0, 1)
    assert report["settings"] == {
        "rule": "model",
        "false_pages_per_week": 2.0,
        "bucket_s": 3600,
        "alone": False,
        "merge_s": 21_600,
        "early_s": 0,
        "warm_up_s": 172_800,
    }
    assert "1 rows left out, the first at line" in err
    assert "labels of 1 series left out" in err


def test_tickets_say_what_would_have_been_paged(run: Run, tmp_path: Path) -> None:
    rows = [
        {"created_at": at_s + n, "category": one.name, "subject": "x"}
        for one in company().series
        for at_s, count in zip(one.at_s.tolist(), one.count.tolist(), strict=True)
        for n in range(int(count))
    ]
    path = tmp_path / "tickets.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    code, out, err = run(path, "--series", "category", "--bucket", "1h")
    assert code == 0, err
    assert "2026-03-14" in out
    assert "1 pages" in out


def test_people_see_scores_curves_and_settings(run: Run, file: Path, labels: Path) -> None:
    code, out, err = run(file, "--labels", labels, "--peers", "--false-pages-per-week", "1")
    assert code == 0, err
    assert "1 of 1 windows detected" in out
    for word in ("Sluice", "Gaussian", "hour of day", "rule ratio", "1 false pages a week"):
        assert word in out


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (("--series", "team"), "no column team; its columns are: ts, series, count"),
        (("--peers",), "give --labels"),
        (("--plot", "plot.svg"), "plot.svg: a name that ends in .png is needed"),
        (("--bucket", "2h"), "Invalid value for '--bucket'"),
    ],
    ids=["no such column", "peers without labels", "no PNG", "no such bucket"],
)
def test_what_is_wrong_is_one_line(run: Run, file: Path, words: tuple[str, ...], wanted: str) -> None:
    code, out, err = run(file, "--json", *words)
    assert (code, out) == (2, "")
    assert wanted in err
