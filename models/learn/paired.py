"""Paired: which of two that judged the same tickets was right more often, and whether that may be chance."""

from scipy.stats import binomtest


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided p-value that two are right equally often, from the cases in which one of them was right alone.

    McNemar (1947), in its exact form: such a case is a toss of a coin, whatever the cases are on which both were right
    or both wrong. 1 where there is none.
    """
    tossed = only_first + only_second
    return float(binomtest(only_first, tossed).pvalue) if tossed else 1.0
