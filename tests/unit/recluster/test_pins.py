"""What people pinned stays as it is: which tickets are its own, and who else is in its group."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.generation import Generation, LineageEvent
from models.recluster.history import Group
from models.recluster.parts import Tickets
from models.recluster.pins import members_of, pinned, pinned_rows
from models.recluster.word import Word
from tests.fakes.generations import generation

_LATE = np.iinfo(np.int64).max
_PIN = Word(pinned=frozenset({"c-0"}))


def _last(lineage: tuple[LineageEvent, ...] = ()) -> Generation:
    """Clusters c-0 of a, c-1 of a, c-2 of b."""
    return replace(generation(["a", "a", "b"], np.eye(3, dtype=np.float32), []), lineage=lineage)


def _members(
    ids: list[str | None], before: list[int], decided: list[int], word: Word, last: Generation
) -> list[int]:
    found: list[int] = members_of(ids, (np.array(before), np.array(decided)), word, last).tolist()
    return found


@pytest.mark.parametrize(
    ("word", "rows"),
    [
        pytest.param(_PIN, [0], id="pinned"),
        pytest.param(Word(pinned=frozenset({"c-9"})), [], id="no more in force"),
        pytest.param(replace(_PIN, merged=[("c-0", "c-1")]), [], id="and merged into another"),
        pytest.param(replace(_PIN, merged=[("c-1", "c-0")]), [0], id="with another merged into it"),
    ],
)
def test_what_is_pinned(word: Word, rows: list[int]) -> None:
    assert pinned_rows(word, _last()) == rows


@pytest.mark.parametrize(
    ("name", "stands", "decided", "own"),
    [
        pytest.param("c-0", 0, _LATE, True, id="found there by the last generation"),
        pytest.param("c-0", 1, 6, True, id="found there since it lost a part, whatever is near"),
        pytest.param("c-0", 0, 5, True, id="found there before, and still near"),
        pytest.param("c-0", 1, 5, False, id="found there before, and not near"),
        pytest.param("c-1", 0, _LATE, False, id="of another cluster"),
        pytest.param("c-gone", 0, 6, True, id="of a cluster that is no more, and near"),
        pytest.param("c-gone", 1, 6, False, id="of a cluster that is no more, and not near"),
        pytest.param(None, 0, 6, False, id="of no cluster"),
    ],
)
def test_which_tickets_are_its_own(name: str | None, stands: int, decided: int, own: bool) -> None:
    last = _last((LineageEvent("split", "c-1", "c-0", 1.0, 5),))
    assert _members([name], [stands], [decided], _PIN, last) == [0 if own else -1]


def test_what_people_merged_into_it_is_its_own() -> None:
    word = replace(_PIN, merged=[("c-gone", "c-1"), ("c-1", "c-0")])
    assert _members(["c-gone", "c-1", "c-2"], [2, 2, 2], [_LATE] * 3, word, _last()) == [0, 0, -1]


def _tickets(ids: list[str | None]) -> Tickets:
    count = len(ids)
    return Tickets(
        ids=ids,
        names=None,
        handled=[None] * count,
        decided_at_ms=np.full(count, _LATE, dtype=np.int64),
        before=np.full(count, -1, dtype=np.int64),
        vectors=np.zeros((count, 2), dtype=np.float32),
        rank=np.arange(count)[::-1].copy(),
    )


def _hold(
    ids: list[str | None], groups: list[Group], word: Word = _PIN
) -> list[tuple[list[int], str | None]]:
    members = members_of(ids, (np.full(len(ids), -1), np.full(len(ids), _LATE)), word, _last())
    found = pinned(groups, members, _tickets(ids), _last(), word)
    return [(sorted(group.rows.tolist()), group.owner) for group in found.groups]


def _group(*rows: int, owner: str | None = "a") -> Group:
    return Group(np.array(rows, dtype=np.int64), owner, None)


@pytest.mark.parametrize(
    ("ids", "groups", "held"),
    [
        pytest.param(["c-0", "c-0"], [_group(0), _group(1)], [([0, 1], "a")], id="its tickets are together"),
        pytest.param(["c-0", "c-0"], [_group(0)], [([0, 1], "a")], id="also one that was left out"),
        pytest.param(["c-0", None], [_group(0, 1)], [([0, 1], "a")], id="what is new joins it"),
        pytest.param(
            ["c-0", None, "c-1", "c-1"],
            [_group(0, 1, 2, 3)],
            [([1, 2, 3], "a"), ([0], "a")],
            id="where most is another's, what is new is too",
        ),
        pytest.param(
            ["c-0", "c-0", "c-1", "c-1", "c-1"],
            [_group(0, 1, 2), _group(3, 4)],
            [([2, 3, 4], "a"), ([0, 1], "a")],
            id="a ticket of another cluster goes home",
        ),
        pytest.param(
            ["c-0", "c-0", "c-1", "c-1", "c-1"],
            [_group(0, 1, 2), _group(3, 4, owner="b")],
            [([2], "a"), ([3, 4], "b"), ([0, 1], "a")],
            id="not to another owner",
        ),
        pytest.param(["c-1"], [_group(0)], [([0], "a")], id="it has no ticket left"),
    ],
)
def test_who_is_in_its_group(
    ids: list[str | None], groups: list[Group], held: list[tuple[list[int], str]]
) -> None:
    assert _hold(ids, groups) == held


def test_it_is_the_owner_s_whom_a_person_bound_it_to() -> None:
    assert _hold(["c-0"], [_group(0)], replace(_PIN, bound={"c-0": "z"})) == [([0], "z")]


@given(
    st.lists(
        st.tuples(st.sampled_from(["c-0", "c-1", "c-2", None]), st.integers(-1, 3)), min_size=1, max_size=16
    ),
    st.sets(st.sampled_from(["c-0", "c-1", "c-2"])),
)
def test_its_tickets_alone_are_together_and_none_is_lost(
    tickets: list[tuple[str | None, int]], names: set[str]
) -> None:
    ids = [name for name, _ in tickets]
    rows = [[row for row, (_, place) in enumerate(tickets) if place == number] for number in range(4)]
    held = [
        found for found, _ in _hold(ids, [_group(*own) for own in rows if own], Word(pinned=frozenset(names)))
    ]
    for name in names & set(ids):
        (own,) = [found for found in held if name in {ids[row] for row in found}]
        assert {ids[row] for row in own} <= {name, None}
        assert {row for row, other in enumerate(ids) if other == name} <= set(own)
    there = {row for row, (name, place) in enumerate(tickets) if place >= 0 or name in names}
    assert sorted(row for found in held for row in found) == sorted(there)
