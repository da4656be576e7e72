"""What a reclustering refuses, and what it tells."""

from dataclasses import replace

import numpy as np
import pytest

from app.recluster import Reclustered, refusal_of
from models.recluster.cluster import Fallback
from models.recluster.next_generation import NextGeneration
from tests.fakes.generations import generation, unit, unit_rows

_LAST = generation(
    ["billing", "access"], unit_rows(2, 4, seed=0), [(0, unit(1, 0, 0, 0)), (1, unit(0, 1, 0, 0))]
)


def _made(moved: float = 0.0, fallback: Fallback | None = None) -> NextGeneration:
    return NextGeneration(_LAST, np.zeros(1, dtype=np.int64), 2, (), moved, fallback)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        pytest.param(_made(), None, id="nothing moves"),
        pytest.param(_made(moved=0.1), None, id="as much as may"),
        pytest.param(
            _made(moved=0.101), "10.1% of the tickets would get another owner, and 10.0% may", id="more"
        ),
        pytest.param(
            _made(fallback=Fallback.COLLAPSED), "clustering collapsed: k-means took its place", id="guard"
        ),
    ],
)
def test_what_is_refused(made: NextGeneration, said: str | None) -> None:
    assert refusal_of(made, 0.1) == said


def test_the_report_holds_no_text() -> None:
    found = Reclustered("g-1", replace(_made(), moved=0.5), None, 3, 2, {"no_text": 1})
    assert "text 1" not in str(found.report())
    assert "problem 0" not in str(found.report())  # nor a cluster's name, which is made of texts
    assert found.report()["moved"] == 0.5
