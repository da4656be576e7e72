"""Counts by event time: what stands where, what is late, and what becomes of it as days go by."""

import pytest

from models.surge.window import DAY_S, HOUR_S, Placement, WindowPolicy, Windows

NOON_S = 20_000 * DAY_S + 12 * HOUR_S
TODAY = 20_000


def windows(bucket_s: int = 300) -> Windows:
    return Windows(WindowPolicy(bucket_s=bucket_s), NOON_S)


@pytest.mark.parametrize(
    ("ago_s", "placement"),
    [
        pytest.param(0, Placement.COUNTED, id="now"),
        pytest.param(-300, Placement.COUNTED, id="ahead as clocks may be"),
        pytest.param(-301, Placement.AHEAD, id="ahead"),
        pytest.param(40, Placement.LATE, id="the bucket before"),
        pytest.param(DAY_S, Placement.LATE, id="a day late"),
        pytest.param(DAY_S + 1, Placement.TOO_LATE, id="more than a day late"),
    ],
)
def test_where_an_event_is_placed(ago_s: int, placement: Placement) -> None:
    assert windows().placement(NOON_S - ago_s, NOON_S) is placement


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"bucket_s": 7}, id="a bucket that divides no hour"),
        pytest.param({"bucket_s": 0}, id="no bucket"),
        pytest.param({"weeks": 0}, id="no history"),
        pytest.param({"lateness_s": DAY_S + 1}, id="later than the days that are kept in buckets"),
        pytest.param({"ahead_s": -1}, id="ahead by less than nothing"),
    ],
)
def test_a_policy_that_cannot_be_kept_is_refused(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"bucket|history|late"):
        WindowPolicy(**values)


def test_a_late_event_stands_in_its_own_bucket() -> None:
    found = windows()
    found.add("a", NOON_S)
    found.add("a", NOON_S - HOUR_S, 2)
    found.add("a", NOON_S - DAY_S)
    assert found.day("a", TODAY) == {144: 1, 132: 2}
    assert found.day("a", TODAY - 1) == {144: 1}
    assert found.hours("a", 25) == [1, *[0] * 22, 2, 1]


def test_days_go_from_buckets_to_hours_and_fall_off() -> None:
    found = windows()
    found.add("a", NOON_S + 600, 3)
    found.roll(NOON_S + 2 * DAY_S)
    assert found.day("a", TODAY) == {144: 3}, "an hour's count, in its first bucket"
    assert found.settled[0].sum() == 3
    found.roll(NOON_S + 26 * DAY_S)
    assert found.settled[0].sum() == 3, "the 26th day after"
    found.roll(NOON_S + 29 * DAY_S)
    assert found.hourly.sum() == 0
    found.roll(NOON_S)
    assert found.today == TODAY + 29, "time does not go back"


def test_a_bucket_of_an_hour() -> None:
    found = windows(3_600)
    found.add("a", NOON_S + 1_800, 5)
    assert found.day("a", TODAY) == {12: 5}
    assert found.buckets[0].tolist() == [0] * 36 + [5] + [0] * 35


@pytest.mark.parametrize("days", [-29, 2], ids=["before the history", "after tomorrow"])
def test_an_event_outside_the_days_that_are_kept_is_refused(days: int) -> None:
    with pytest.raises(ValueError, match="outside"):
        windows().add("a", NOON_S + days * DAY_S)


def test_a_day_record_is_the_truth_of_its_day() -> None:
    found = windows()
    found.add("a", NOON_S, 9)
    found.restore_day("a", TODAY, {3: 2, 287: 1})
    found.restore_day("a", TODAY - 9, {0: 4, 12: 1})
    found.restore_day("a", TODAY - 400, {0: 4})
    assert found.day("a", TODAY) == {3: 2, 287: 1}
    assert found.day("a", TODAY - 9) == {0: 4, 12: 1}
    assert found.hourly.sum() == 8


def test_a_dropped_row_leaves_the_others_what_they_are() -> None:
    found = windows()
    for number, cluster in enumerate("abc", start=1):
        found.add(cluster, NOON_S, number)
    found.know("c", NOON_S - 3 * DAY_S)
    found.drop("a")
    found.drop("a")
    assert found.clusters == ["c", "b"]
    assert {c: found.day(c, TODAY) for c in found.clusters} == {"c": {144: 3}, "b": {144: 2}}
    assert found.first_seen_s("c") == NOON_S - 3 * DAY_S
    found.add("a", NOON_S)
    assert found.day("a", TODAY) == {144: 1}
    assert found.first_seen_s("a") == NOON_S


def test_parts_of_a_split_add_up_to_the_whole() -> None:
    found = windows()
    for hour in range(40):
        found.add("whole", NOON_S - hour * HOUR_S, 1 + hour % 2)
    found.move("whole", "third", 1 / 3)
    found.move("whole", "rest", 2 / 3)
    found.move("nobody", "rest")
    total = {c: sum(found.hours(c, 48)) for c in ("whole", "third", "rest")}
    assert total == {"whole": 60, "third": 20, "rest": 40}
    found.move("third", "rest")
    assert sum(found.hours("rest", 48)) == 60
    assert sum(found.day("rest", TODAY).values()) == sum(found.day("whole", TODAY).values())


def test_since_when_a_cluster_is_known() -> None:
    found = windows()
    assert found.first_seen_s("a") == NOON_S, "never seen"
    found.add("a", NOON_S - 5 * HOUR_S)
    assert found.first_seen_s("a") == NOON_S - 5 * HOUR_S
    found.know("a", NOON_S - 90 * DAY_S)
    assert found.first_seen_s("a") == found.settled_until_s - found.settled.shape[1] * HOUR_S, (
        "the kept history's begin"
    )


def test_what_changes_settled_days_changes_the_version() -> None:
    found = windows()
    found.add("a", NOON_S)
    before = found.version
    found.add("a", NOON_S - 60)
    assert found.version == before, "today's tickets leave a baseline as it is"
    found.add("a", NOON_S - 9 * DAY_S)
    assert found.version > before
    before = found.version
    found.know("a", NOON_S - 20 * DAY_S)
    assert found.version > before
    before = found.version
    found.know("a", NOON_S - 10 * DAY_S)
    assert found.version == before, "it was known for longer"
