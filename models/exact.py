"""Exact: exponential and logarithm from products, sums and shifts alone, so that the same number gives the same bits
on every machine. A library's own differ in the last place from one to the next.

Under everything that a decision is computed with; see vote.GRID for how sums are kept exact.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# ln 2 in two parts (Cody and Waite 1980): a whole number of up to 11 bits times the first is exact.
_LN2_HIGH = float.fromhex("0x1.62e42fee00000p-1")
_LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
_LOG2_E = float.fromhex("0x1.71547652b82fep+0")
_TERMS = tuple(1.0 / math.factorial(n) for n in range(13, -1, -1))
_LOG_TERMS = tuple(2.0 / n for n in range(23, 0, -2))
_SQRT_HALF = math.sqrt(0.5)
# Beyond, the result would not be a normal number.
_LARGEST = 700.0


def exp(values: Floats) -> Floats:
    """e to the `values`, of any shape, right to about 1e-15 of it; values are taken as within -700 and 700."""
    bounded = np.clip(values, -_LARGEST, _LARGEST)
    twos = np.rint(bounded * _LOG2_E)
    rest = (bounded - twos * _LN2_HIGH) - twos * _LN2_LOW
    result = np.zeros_like(rest)
    for term in _TERMS:
        result = result * rest + term
    return np.ldexp(result, twos.astype(np.int64))


def log(values: Floats) -> Floats:
    """Natural logarithm of positive `values`, of any shape, right to about 1e-15.

    By 2 artanh((m - 1) / (m + 1)) of the mantissa m, brought to within a factor root 2 of 1.
    """
    mantissa, twos = np.frexp(values)
    small = mantissa < _SQRT_HALF
    mantissa = np.where(small, mantissa * 2.0, mantissa)
    count = (twos - small).astype(np.float64)
    ratio = (mantissa - 1.0) / (mantissa + 1.0)
    square = ratio * ratio
    series = np.zeros_like(ratio)
    for term in _LOG_TERMS:
        series = series * square + term
    return count * _LN2_HIGH + (series * ratio + count * _LN2_LOW)


def power(base: Floats, exponent: int) -> Floats:
    """`base` to a whole positive `exponent`, by squaring."""
    result = np.ones_like(base)
    while exponent:
        if exponent & 1:
            result = result * base
        base, exponent = base * base, exponent >> 1
    return result


def total(values: Floats) -> Floats:
    """Sums over the last axis, [..., n] to [...], added one after the other from the left."""
    if not values.shape[-1]:
        return np.zeros(values.shape[:-1])
    sums: Floats = np.add.accumulate(values, axis=-1)[..., -1]
    return sums


def logistic(values: Floats) -> Floats:
    """1 / (1 + e to the minus `values`)."""
    result: Floats = 1.0 / (1.0 + exp(-values))
    return result
