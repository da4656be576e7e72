"""Arithmetic of products, sums and shifts against numpy's own, and where it ends."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.exact import Floats, exp, log, logistic, power, total

_EVERYWHERE = np.concatenate(
    [
        np.linspace(-700.0, 700.0, 20_001),
        np.linspace(-1.0, 1.0, 20_001),
        [-1e-17, 0.0, 1e-300, 1e-17, 0.5 * math.log(2.0), -0.5 * math.log(2.0)],
    ]
)
_POSITIVE = np.concatenate(
    [
        np.geomspace(1e-300, 1e300, 20_001),
        np.linspace(0.5, 2.0, 20_001),
        [5e-324, 2.3e-308, 1.0 - 2**-53, 1.0, 1.0 + 2**-52, math.sqrt(0.5), 1.7e308],
    ]
)


def test_exponentials_are_right_to_fourteen_places() -> None:
    np.testing.assert_allclose(exp(_EVERYWHERE), np.exp(_EVERYWHERE), rtol=1e-14)


def test_logarithms_are_right_to_fourteen_places() -> None:
    np.testing.assert_allclose(log(_POSITIVE), np.log(_POSITIVE), rtol=1e-14)


def test_the_logistic_is_right_to_fourteen_places() -> None:
    np.testing.assert_allclose(logistic(_EVERYWHERE), 1.0 / (1.0 + np.exp(-_EVERYWHERE)), rtol=1e-14)


@pytest.mark.parametrize(
    ("function", "value", "expected"),
    [
        pytest.param(exp, 0.0, 1.0, id="e to 0"),
        pytest.param(exp, -0.0, 1.0, id="e to -0"),
        pytest.param(exp, np.inf, math.exp(700.0), id="bounded above"),
        pytest.param(exp, 1e9, math.exp(700.0), id="far above"),
        pytest.param(exp, -np.inf, math.exp(-700.0), id="bounded below, never 0"),
        pytest.param(log, 1.0, 0.0, id="ln 1"),
        pytest.param(logistic, 0.0, 0.5, id="even odds"),
        pytest.param(logistic, np.inf, 1.0, id="certain"),
        pytest.param(logistic, -np.inf, math.exp(-700.0), id="almost never"),
    ],
)
def test_extremes(function: Callable[[Floats], Floats], value: float, expected: float) -> None:
    (found,) = function(np.array([value])).tolist()
    assert found == pytest.approx(expected, rel=1e-14)
    assert math.isfinite(found)


def test_powers_of_two_come_back_from_their_logarithms() -> None:
    twos = np.ldexp(1.0, np.arange(-60, 61))
    np.testing.assert_allclose(exp(log(twos)), twos, rtol=1e-14)


@pytest.mark.parametrize("function", [exp, log, logistic], ids=["exp", "log", "logistic"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 3), (0, 4), (2, 1, 3)], ids=str)
def test_any_shape_comes_back_as_it_is_and_what_was_given_stays(
    function: Callable[[Floats], Floats], shape: tuple[int, ...]
) -> None:
    values = np.random.default_rng(0).uniform(0.1, 5.0, shape)
    before = values.copy()
    found = function(values)
    assert found.shape == shape
    assert found.dtype == np.float64
    assert np.array_equal(values, before)


@given(st.lists(st.floats(-690, 690), min_size=2, max_size=40), st.integers(1, 39))
def test_each_number_has_its_own_result_whatever_stands_beside_it(values: list[float], cut: int) -> None:
    """Vectorised loops handle the ends of an array apart: the bits must not show where a number stood."""
    whole = np.array(values)
    parts = np.concatenate([exp(whole[:cut]), exp(whole[cut:])])
    assert np.array_equal(parts, exp(whole))
    positive = exp(whole)
    assert np.array_equal(np.concatenate([log(positive[:cut]), log(positive[cut:])]), log(positive))


@given(st.lists(st.floats(-690, 690), min_size=2, max_size=40))
def test_larger_numbers_never_have_smaller_results(values: list[float]) -> None:
    ordered = np.sort(np.array(values))
    for function in (exp, logistic):
        found = function(ordered)
        assert (np.diff(found) >= -1e-15 * found[1:]).all()


@pytest.mark.parametrize("exponent", [1, 2, 3, 4, 6, 7, 16])
def test_powers(exponent: int) -> None:
    base = np.linspace(-1.5, 1.5, 101)
    np.testing.assert_allclose(power(base, exponent), base**exponent, rtol=1e-14, atol=1e-300)


def test_sums_are_added_from_the_left_one_after_the_other() -> None:
    """Adding 1 to 2**53 changes nothing, and two ones together would: the order shows."""
    values = np.array([[2.0**53, 1.0, 1.0, -(2.0**53)], [1.0, 1.0, 2.0**53, -(2.0**53)]])
    assert total(values).tolist() == [0.0, 2.0]


@pytest.mark.parametrize(
    ("shape", "left"),
    [((4,), ()), ((3, 4), (3,)), ((2, 3, 4), (2, 3)), ((3, 0), (3,)), ((0, 3), (0,)), ((0, 0), (0,))],
    ids=str,
)
def test_sums_are_over_the_last_axis(shape: tuple[int, ...], left: tuple[int, ...]) -> None:
    values = np.random.default_rng(1).integers(-9, 9, shape).astype(np.float64)
    assert total(values).shape == left
    assert np.array_equal(total(values), values.sum(axis=-1))
