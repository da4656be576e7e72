"""Laws of the counts that surges are judged on: neither the order of coming nor a restart changes a judgement."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models.surge.detect import Detection, Detector, DetectPolicy
from models.surge.window import DAY_S, HOUR_S, WindowPolicy, Windows

_NOW_S = 20_003 * DAY_S + 9 * HOUR_S
_POLICY = WindowPolicy()
_CLUSTERS = ("a", "b", "c")

events = st.lists(
    st.tuples(
        st.sampled_from(_CLUSTERS),
        # Of the last three days mostly, some of weeks ago.
        st.one_of(st.integers(0, 2 * DAY_S), st.integers(0, 27 * DAY_S)),
        st.integers(1, 60),
    ),
    min_size=1,
    max_size=60,
)


def counted(found: list[tuple[str, int, int]]) -> Windows:
    windows = Windows(_POLICY, _NOW_S)
    for cluster, ago_s, count in found:
        windows.add(cluster, _NOW_S - 1 - ago_s, count)
    return windows


def by_cluster(windows: Windows, found: Detection) -> dict[str, tuple[float, ...]]:
    columns = (found.p, found.q, found.enters, found.stays, found.window_s, found.observed, found.started_s)
    return {
        cluster: tuple(float(column[row]) for column in columns)
        for row, cluster in enumerate(windows.clusters)
    }


def judged(windows: Windows) -> dict[str, tuple[float, ...]]:
    return by_cluster(windows, Detector(DetectPolicy(), _POLICY).detect(windows, _NOW_S))


@given(events)
@settings(max_examples=60, deadline=None)
def test_the_order_of_coming_changes_nothing(found: list[tuple[str, int, int]]) -> None:
    other = sorted(found, key=lambda event: (event[1], event[0], event[2]))
    assert judged(counted(found)) == judged(counted(other))


@given(events)
@settings(max_examples=60, deadline=None)
def test_a_restart_changes_nothing(found: list[tuple[str, int, int]]) -> None:
    """Windows that are restored from day records, row by row in another order, are judged as those that wrote them."""
    before = counted(found)
    after = Windows(_POLICY, _NOW_S)
    for cluster in sorted(before.clusters, reverse=True):
        for day in range(before.today, before.today - 29, -1):
            if record := before.day(cluster, day):
                after.restore_day(cluster, day, record)
    assert judged(after) == judged(before)


@given(events, st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_what_is_kept_between_evaluations_changes_nothing(
    found: list[tuple[str, int, int]], days: int
) -> None:
    """A detector that has judged before judges as one that begins now, also after days have gone by."""
    windows = counted(found)
    detector = Detector(DetectPolicy(), _POLICY)
    detector.detect(windows, _NOW_S)
    later = _NOW_S + days * DAY_S
    windows.roll(later)
    windows.add("a", later - 5_000, 7)
    kept = by_cluster(windows, detector.detect(windows, later))
    assert kept == by_cluster(windows, Detector(DetectPolicy(), _POLICY).detect(windows, later))


@given(events)
@settings(max_examples=60, deadline=None)
def test_hours_are_the_sums_of_their_buckets(found: list[tuple[str, int, int]]) -> None:
    windows = counted(found)
    per_hour = HOUR_S // _POLICY.bucket_s
    sums = windows.buckets.reshape(len(windows.clusters), -1, per_hour).sum(axis=2)
    assert sums.tolist() == windows.hourly[:, windows.settled.shape[1] :].tolist()
    assert windows.hourly.sum() == sum(count for _, _, count in found)
