"""McNemar's exact test against figures worked out by hand."""

import pytest

from models.learn.paired import mcnemar


@pytest.mark.parametrize(
    ("first", "second", "p"),
    [
        pytest.param(0, 0, 1.0, id="nothing to tell by"),
        pytest.param(1, 0, 1.0, id="one case"),
        pytest.param(5, 5, 1.0, id="equal"),
        pytest.param(5, 0, 2 * 0.5**5, id="five of five"),
        pytest.param(0, 10, 2 * 0.5**10, id="none of ten"),
        pytest.param(8, 2, 2 * (45 + 10 + 1) * 0.5**10, id="eight of ten"),
    ],
)
def test_the_exact_test(first: int, second: int, p: float) -> None:
    assert mcnemar(first, second) == pytest.approx(p)
    assert mcnemar(second, first) == pytest.approx(p)
