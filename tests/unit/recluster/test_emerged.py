"""Which new clusters are problems that were announced: worked by hand."""

import numpy as np
import pytest

from models.recluster.emerged import confirmed


@pytest.mark.parametrize(
    ("provisional", "assignment", "old", "found"),
    [
        pytest.param(["e", "e", None, None], [1, 1, 1, 0], [0, -1], {1: "e"}, id="a new cluster holds all"),
        pytest.param(["e", "e", "e", "e"], [1, 1, 0, -1], [0, -1], {1: "e"}, id="half of them"),
        pytest.param(["e", "e", "e"], [1, 0, 0], [0, -1], {}, id="most went to a known one"),
        pytest.param(["e", "e"], [0, 0], [0, -1], {}, id="all did"),
        pytest.param(["e", "e", "f"], [0, 0, 0], [-1], {0: "e"}, id="of two in one cluster the larger"),
        pytest.param(["e", "e"], [0, 1], [-1, -1], {0: "e"}, id="in two halves the first"),
        pytest.param([None, None], [0, 1], [-1, -1], {}, id="none was announced"),
    ],
)
def test_confirmed(
    provisional: list[str | None], assignment: list[int], old: list[int], found: dict[int, str]
) -> None:
    assert confirmed(provisional, np.array(assignment), np.array(old)) == found
