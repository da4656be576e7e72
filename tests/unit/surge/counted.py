"""Windows that are filled as a history would fill them."""

from collections.abc import Sequence

import numpy as np

from models.surge.window import DAY_S, HOUR_S, WindowPolicy, Windows

# 00:00 of a Monday, UTC, plus 14 hours: a day has two thirds behind it.
MONDAY_S = 20_003 * DAY_S
NOW_S = MONDAY_S + 14 * HOUR_S


def steady(rate: float, hours: int, seed: int = 0, size: float = 20.0) -> list[int]:
    """Counts of hours of a negative binomial of this mean and size."""
    chance = np.random.default_rng(seed)
    found: list[int] = chance.poisson(rate * chance.gamma(size, 1.0 / size, hours)).tolist()
    return found


def fill(windows: Windows, cluster_id: str, hours: Sequence[int], until_s: int = NOW_S) -> None:
    """Count the tickets of each hour up to `until_s`, spread over it."""
    for back, count in enumerate(reversed(hours), start=1):
        for number in range(count):
            windows.add(cluster_id, until_s - back * HOUR_S + number * HOUR_S // count)


def windows_of(policy: WindowPolicy | None = None, now_s: int = NOW_S) -> Windows:
    return Windows(policy or WindowPolicy(), now_s)
