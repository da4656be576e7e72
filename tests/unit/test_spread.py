"""Which texts show what many are about."""

import numpy as np
import pytest

from models.spread import spread
from models.vote import Vectors


def at(*degrees: float) -> Vectors:
    """Unit rows around the first axis."""
    turned = np.radians(degrees)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


@pytest.mark.parametrize(
    ("degrees", "bounds", "expected"),
    [
        pytest.param((), {}, [], id="none"),
        pytest.param((7,), {}, [0], id="one"),
        pytest.param((3, 0, -3, 40, -50), {}, [1, 4, 3], id="the middle, then what is far"),
        pytest.param((3, 0, -3, 40, -50), {"untypical": 0.25}, [1, 3, 0], id="the farthest is left out"),
        pytest.param((3, 0, -3, 40, -50), {"copy": 0.9}, [1, 4, 3], id="no copies among the first"),
        pytest.param((3, 0, -3), {"copy": 0.9}, [1], id="nothing but copies"),
        pytest.param((0, 0, 0), {}, [0, 1, 2], id="equal ones in their order"),
    ],
)
def test_what_is_chosen(degrees: tuple[float, ...], bounds: dict[str, float], expected: list[int]) -> None:
    rows = at(*degrees).reshape(-1, 2)
    assert spread(rows, np.array([1, 0], dtype=np.float32), 3, **bounds) == expected
