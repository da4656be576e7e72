"""When a rise is over, by numbers that can be worked out by hand, and what the detector makes of it."""

import math

import numpy as np
import pytest

from models.surge.detect import Detection, Detector, DetectPolicy
from models.surge.ending import LEAST, gain, is_over
from models.surge.window import DAY_S, WindowPolicy, Windows

LENGTHS = np.array([1, 2, 4])
USUAL = (1.0, 2.0, 4.0)  # one a bucket


def raised(observed: float, mean: float) -> float:
    """X ln(X / M) - (X - M)."""
    return observed * math.log(observed / mean) - (observed - mean)


@pytest.mark.parametrize(
    ("observed", "expected", "wanted", "over"),
    [
        # 22 in the four buckets, 20 of them before the last two: 28.1 for the segment, 19.5 for the whole.
        pytest.param((1, 2, 22), USUAL, raised(20, 2) - raised(22, 4), True, id="fell back"),
        # 16 in the four, none in the last: 13.8 for the three before it, 10.2 for the whole.
        pytest.param((0, 8, 16), USUAL, raised(16, 3) - raised(16, 4), False, id="a lull"),
        # Six times the usual all along: whatever is left off, less is left.
        pytest.param((6, 12, 24), USUAL, raised(18, 3) - raised(24, 4), False, id="goes on"),
        # It fell back, and rises again in the last bucket.
        pytest.param((10, 10, 30), USUAL, raised(20, 2) - raised(30, 4), False, id="comes back"),
        pytest.param((1, 2, 4), USUAL, 0.0, False, id="never rose"),
        # The longest window is not looked at: of the other two nothing rose.
        pytest.param((1, 2, 0), (1.0, 2.0, 0.0), 0.0, False, id="was told before"),
        # The window of two expects less than that of one: its other half expects a quarter of it, 0.725 and not 0.
        pytest.param(
            (9, 10, 10), (3.0, 2.9, 9.0), raised(1, 0.725) - raised(10, 2.9), False, id="levels differ"
        ),
    ],
)
def test_by_hand(observed: tuple[int, ...], expected: tuple[float, ...], wanted: float, over: bool) -> None:
    calm = np.ones((1, len(LENGTHS)), dtype=np.bool_)
    columns = np.array([observed], dtype=np.float64), np.array([expected]), calm, LENGTHS
    assert gain(*columns)[0] == pytest.approx(wanted, abs=1e-9)
    assert is_over(*columns).tolist() == [over]
    assert (wanted >= LEAST) is over


@pytest.mark.parametrize(
    ("calm", "wanted", "over"),
    [
        # 220 in the first two buckets and 10 in the last two, five times the usual: 817.9 for the first two alone,
        # 707.8 for the whole.
        pytest.param((True, True, False), raised(220, 2) - raised(230, 4), True, id="as if 5 were usual"),
        # What came since would let a surge stay by itself, so nothing fell back.
        pytest.param((False, False, False), 0.0 - raised(230, 4), False, id="goes on at a lower rate"),
        # Only the last bucket alone is calm.
        pytest.param((True, False, False), raised(225, 3) - raised(230, 4), True, id="fell a bucket ago"),
    ],
)
def test_a_lower_rate_is_no_end(calm: tuple[bool, ...], wanted: float, over: bool) -> None:
    columns = np.array([[5.0, 10.0, 230.0]]), np.array([USUAL]), np.array([calm]), LENGTHS
    assert gain(*columns)[0] == pytest.approx(wanted, abs=1e-9)
    assert is_over(*columns).tolist() == [over]


NOW_S = 20_512 * DAY_S + 18 * 3_600
BUCKET_S = 300


class Shop:
    """Twenty clusters of two tickets an hour for four weeks; one of them rises to forty an hour, or to any other rate,
    from ten to one, and may be at a rate of its own from then on."""

    def __init__(self, risen: float = 40.0, then: float = 2.0) -> None:
        self.windows = Windows(WindowPolicy(), NOW_S - 29 * DAY_S)
        self.detector = Detector(DetectPolicy(), WindowPolicy())
        chance = np.random.default_rng(5)
        for at_s in range(NOW_S - 28 * DAY_S, NOW_S, BUCKET_S):
            self.windows.roll(at_s)
            for cluster in range(20):
                rate = 2.0
                if cluster == 0 and at_s >= NOW_S - 8 * 3_600:
                    rate = risen if at_s < NOW_S - 5 * 3_600 else then
                if count := int(chance.poisson(rate / 12)):
                    self.windows.add(f"c-{cluster}", at_s, count)
        self.windows.roll(NOW_S)

    def look(self, since_s: dict[str, int] | None = None) -> tuple[Detection, int]:
        return self.detector.detect(self.windows, NOW_S, since_s), self.windows.clusters.index("c-0")


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_what_is_over_does_not_stay_although_a_day_holds_it(shop: Shop) -> None:
    found, row = shop.look()
    assert found.observed[row] > 3 * found.expected[row]
    assert found.p[row] < DetectPolicy().exit_chance
    assert (found.over[row], found.stays[row]) == (True, False)
    assert not np.delete(found.over, row).any()


def test_what_goes_on_at_a_tenth_of_its_peak_stays() -> None:
    found, row = Shop(risen=200.0, then=20.0).look()
    assert found.stays[row]


def test_what_rises_again_is_found_by_what_came_since(shop: Shop) -> None:
    ended_s = NOW_S - 3 * 3_600
    shop.windows.add("c-0", NOW_S - BUCKET_S, 12)
    found, row = shop.look({"c-0": ended_s})
    assert found.enters[row]
    assert found.stays[row]
    assert found.window_s[row] <= NOW_S - ended_s
    assert found.started_s[row] >= ended_s
    assert found.observed[row] < 30


def test_of_others_all_counts_still(shop: Shop) -> None:
    alone, row = shop.look()
    beside, _ = shop.look({"c-7": NOW_S - 900, "gone": NOW_S - 900})
    kept = [n for n in range(20) if n != shop.windows.clusters.index("c-7")]
    assert beside.p[kept].tolist() == alone.p[kept].tolist()
    assert row in kept


def test_right_at_its_end_nothing_counts(shop: Shop) -> None:
    found, row = shop.look({"c-0": NOW_S})
    assert (found.p[row], found.enters[row], found.stays[row]) == (1.0, False, False)
