"""Owners: how surely a cluster is its owner's, and who is proposed where nobody is."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.recluster.history import Group
from models.recluster.owners import Ownership, ownership_of, wilson

_AXES = np.eye(4, dtype=np.float32)


def _of(
    groups: list[tuple[list[int], str | None]],
    labels: list[int],
    said: Sequence[str | None],
    weight: list[float] | None = None,
    axes: list[int] | None = None,
) -> list[Ownership]:
    """Groups of (rows, owner); ticket i lies along axis axes[i], by default that of its label."""
    return ownership_of(
        [Group(np.array(rows, dtype=np.int64), owner, None) for rows, owner in groups],
        [owner for _, owner in groups],
        np.array(labels, dtype=np.int64),
        said,
        np.ones(len(labels)) if weight is None else np.array(weight),
        _AXES[labels if axes is None else axes],
    )


@pytest.mark.parametrize(
    ("share", "count", "bound"),
    [
        pytest.param(1.0, 1, 0.27, id="one ticket proves little"),
        pytest.param(1.0, 3, 0.53, id="three"),
        pytest.param(1.0, 30, 0.92, id="thirty"),
        pytest.param(0.8, 100, 0.73, id="two in ten say otherwise"),
        pytest.param(0.0, 10, 0.0, id="nobody says so"),
    ],
)
def test_few_tickets_are_less_sure(share: float, count: float, bound: float) -> None:
    assert wilson(share, count) == pytest.approx(bound, abs=0.005)


@given(st.floats(0, 1), st.floats(0.1, 1e6), st.floats(1.01, 100))
def test_more_tickets_of_the_same_share_are_surer_and_never_surer_than_the_share(
    share: float, count: float, times: float
) -> None:
    fewer, more = wilson(share, count), wilson(share, count * times)
    assert 0 <= fewer <= more + 1e-9 <= share + 2e-9


def test_tickets_that_left_for_another_team_still_count_against_the_owner() -> None:
    """Ten tickets of one problem: eight are a's, two went to b's own cluster."""
    said = ["a"] * 8 + ["b"] * 2
    found = _of([([*range(8)], "a"), ([8, 9], "b")], [0] * 10, said)
    assert found[0].share == round(wilson(0.8, 10), 4)
    assert found[1].share == round(wilson(0.2, 10), 4)
    assert [one.proposed for one in found] == [None, None]


def test_a_stray_from_another_problem_counts_as_much_as_it_is_of_that() -> None:
    """Of twenty tickets of b's problem one is a's, and stands with a's ten."""
    said = ["a"] * 11 + ["b"] * 19
    found = _of([([*range(11)], "a"), ([*range(11, 30)], "b")], [0] * 10 + [1] * 20, said)
    total = 10 + 20 / 20
    assert found[0].share == round(wilson((10 + 1 / 20) / total, total), 4)


def test_a_reassigned_ticket_says_more_but_is_no_three_tickets() -> None:
    plain = _of([([0, 1, 2], "a")], [0] * 3, ["a", "a", "b"])[0].share
    moved = _of([([0, 1, 2], "a")], [0] * 3, ["a", "a", "b"], [3.0, 1.0, 1.0])[0].share
    three = _of([([0, 1, 2, 3, 4], "a")], [0] * 5, [*"aaaab"])[0].share
    assert plain is not None
    assert moved is not None
    assert three is not None
    assert plain < moved < three


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        pytest.param(["b", None, None, "a"], Ownership(None, "b"), id="the few that somebody handled"),
        pytest.param(["d", "c", None, "a"], Ownership(None, "c"), id="of equals the first by name"),
        pytest.param([None, None, None, "a"], Ownership(None, "a"), id="else the nearest owner"),
    ],
)
def test_who_is_proposed_for_what_nobody_owns(said: list[str | None], expected: Ownership) -> None:
    assert _of([([0, 1, 2], None), ([3], "a")], [0, 0, 0, 1], said)[0] == expected


def test_nearest_is_the_owner_that_the_most_of_the_tickets_are_nearest_to() -> None:
    groups: list[tuple[list[int], str | None]] = [([0, 1, 2], None), ([3], "a"), ([4], "b")]
    found = _of(groups, [0, 0, 0, 1, 2], [None, None, None, "a", "b"], axes=[2, 2, 1, 1, 2])
    assert found[0].proposed == "b"


def test_where_nobody_owns_anything_nobody_is_proposed() -> None:
    assert _of([([0, 1], None)], [0, 0], [None, None]) == [Ownership(None, None)]


def test_an_owner_of_whom_nobody_speaks_has_no_share() -> None:
    assert _of([([0, 1], "a")], [0, 0], [None, None]) == [Ownership(None, None)]


def test_tickets_of_no_problem_speak_for_themselves() -> None:
    assert _of([([0, 1], "a")], [-1, -1], ["a", "b"], axes=[0, 0])[0].share == round(wilson(0.5, 2), 4)
