"""What people split stays apart: by examples, by the ids of the parts, and by the clusterer where nobody gave any."""

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.generation import Cluster, Generation, LineageEvent
from models.recluster.cluster import Labels, Way
from models.recluster.history import Group
from models.recluster.parts import REST, Parted, Tickets, parted
from models.recluster.word import Split, Word
from models.vote import Vectors, settle
from tests.fakes.density import Always, Leaders, within
from tests.fakes.generations import generation

_LATE = np.iinfo(np.int64).max
_SPLIT = Split("c-0", 5, (("t-0", "t-1"), ("t-2", "t-3")))
_NEVER = within(Always(0))


def _generation(*ids: str, lineage: tuple[LineageEvent, ...] = ()) -> Generation:
    """One with these clusters, of nobody."""
    clusters = tuple(Cluster(name, name, None, 1) for name in ids)
    return replace(
        generation([None] * len(ids), np.eye(len(ids), 4, dtype=np.float32), []),
        clusters=clusters,
        lineage=lineage,
    )


def _tickets(angles: list[float], ids: list[str | None], decided: int = _LATE, before: int = 0) -> Tickets:
    """Tickets t-0, t-1, … on the unit circle, found in these clusters."""
    count = len(angles)
    return Tickets(
        ids=ids,
        names=[f"t-{row}" for row in range(count)],
        handled=[None] * count,
        decided_at_ms=np.full(count, decided, dtype=np.int64),
        before=np.full(count, before, dtype=np.int64),
        vectors=_at(angles),
        rank=np.arange(count),
    )


def _at(angles: list[float]) -> Vectors:
    turned = np.deg2rad(np.array(angles, dtype=np.float64))
    return settle(np.stack([np.cos(turned), np.sin(turned)], axis=1))


def _group(*rows: int, owner: str | None = None) -> Group:
    return Group(np.array(rows, dtype=np.int64), owner, None)


def _rows(found: Parted) -> list[list[int]]:
    return [group.rows.tolist() for group in found.groups]


def test_a_group_with_examples_of_two_problems_is_parted_by_the_nearest_mean() -> None:
    """t-1 is nearer to the others' mean: people's word on it goes before that."""
    tickets = _tickets([0, 50, 60, 70, 5, 55, 65], ["c-0"] * 7)
    found = parted([_group(*range(7), owner="a")], tickets, Word(splits=[_SPLIT]), _generation("c-0"), _NEVER)
    assert _rows(found) == [[0, 1, 4], [2, 3, 5, 6]]
    assert {group.owner for group in found.groups} == {"a"}
    assert found.id_for(found.groups[0], ()) == _SPLIT.part(0)
    assert found.id_for(found.groups[1], ()) == _SPLIT.part(1)
    assert found.id_for(found.groups[1], {_SPLIT.part(1)}) is None


def test_an_example_among_those_of_the_other_problem_goes_home() -> None:
    tickets = _tickets([0, 1, 60, 61, 2, 62, 63], ["c-0"] * 7)
    groups = [_group(0, 1, 2, 4), _group(3, 6, 5)]
    split = replace(_SPLIT, examples=(("t-0", "t-1"), ("t-2", "t-3", "t-6")))
    found = parted(groups, tickets, Word(splits=[split]), _generation("c-0"), _NEVER)
    assert _rows(found) == [[0, 1, 4], [2, 3, 5, 6]]


@pytest.mark.parametrize(
    "present",
    [pytest.param([0, 1], id="of one problem only"), pytest.param([], id="none")],
)
def test_a_group_without_examples_of_two_problems_stays(present: list[int]) -> None:
    rows = [*present, 4, 5]
    tickets = _tickets([0, 50, 60, 70, 5, 55], ["c-0"] * 6)
    found = parted([_group(*rows)], tickets, Word(splits=[_SPLIT]), _generation("c-0"), _NEVER)
    assert _rows(found) == [rows]


def _split_off(number: int, at_ms: int = 6) -> LineageEvent:
    return LineageEvent("split", _SPLIT.part(number), "c-0", 1.0, at_ms)


def test_once_the_parts_are_clusters_their_tickets_say_which_is_which() -> None:
    """No example is left."""
    one = _SPLIT.part(1)
    tickets = replace(_tickets([0, 40, 41, 80, 1, 79], ["c-0", "c-0", one, one, None, None]), names=None)
    last = _generation("c-0", one, lineage=(_split_off(1),))
    found = parted([_group(*range(6))], tickets, Word(splits=[_SPLIT]), last, _NEVER)
    assert _rows(found) == [[2, 3, 5], [0, 1, 4]]
    assert found.parts[0][1].tolist() == [REST, REST, 1, 1, -1, -1]
    assert found.id_for(found.groups[1], {one}) is None  # it keeps the id that it has


@pytest.mark.parametrize(
    ("decided", "part"),
    [pytest.param(6, [-1, 1], id="before"), pytest.param(7, [REST, 1], id="after")],
)
def test_what_was_found_in_it_before_it_was_split_may_be_of_any_part(decided: int, part: list[int]) -> None:
    one = _SPLIT.part(1)
    tickets = replace(_tickets([0, 80], ["c-0", one], decided), names=None)
    last = _generation("c-0", one, lineage=(_split_off(1),))
    found = parted([_group(0, 1)], tickets, Word(splits=[_SPLIT]), last, _NEVER)
    assert found.parts[0][1].tolist() == part


def test_what_came_off_a_part_or_took_it_in_is_of_that_part() -> None:
    one = _SPLIT.part(1)
    events = (
        _split_off(1),
        LineageEvent("split", "c-x", one, 1.0, 7),
        LineageEvent("merged", "c-x", "c-y", 1.0, 8),
        LineageEvent("split", "c-z", "c-0", 1.0, 8),
    )
    tickets = replace(_tickets([0, 80, 81, 1, 2], ["c-0", "c-x", "c-y", "c-z", "c-w"]), names=None)
    found = parted(
        [_group(*range(5))], tickets, Word(splits=[_SPLIT]), _generation("c-0", lineage=events), _NEVER
    )
    assert found.parts[0][1].tolist() == [REST, 1, 1, REST, -1]


def test_a_ticket_that_people_gave_to_another_owner_has_left_its_part() -> None:
    one = _SPLIT.part(1)
    last = _generation("c-0", one, lineage=(_split_off(1),))
    last = replace(last, clusters=tuple(replace(cluster, owner="a") for cluster in last.clusters))
    tickets = replace(_tickets([0, 80, 81], ["c-0", one, one]), names=None, handled=[None, "a", "b"])
    found = parted([_group(0, 1, 2)], tickets, Word(splits=[_SPLIT]), last, _NEVER)
    assert found.parts[0][1].tolist() == [REST, 1, -1]


def test_parts_that_people_merged_since_are_one() -> None:
    one = _SPLIT.part(1)
    tickets = _tickets([0, 1, 80, 81], ["c-0", "c-0", one, one])
    last = _generation("c-0", one, lineage=(_split_off(1),))
    word = Word(merged=[(one, "c-0")], splits=[_SPLIT])
    assert _rows(parted([_group(*range(4))], tickets, word, last, _NEVER)) == [[0, 1, 2, 3]]


def test_a_list_without_a_cluster_of_its_own_is_of_the_part_that_it_is_like() -> None:
    """Of three only one came off: of the others the first kept the id."""
    split = replace(_SPLIT, examples=(("t-0",), ("t-1",), ("t-2",)))
    event = LineageEvent("split", split.part(1), "c-0", 1.0, 6)
    last = _generation("c-0", split.part(1), lineage=(event,))
    tickets = _tickets([0, 40, 80, 5], [None, None, None, "c-0"])
    found = parted([_group(0, 1, 2, 3)], tickets, Word(splits=[split]), last, _NEVER)
    assert found.parts[0][1].tolist() == [REST, 1, 2, REST]
    assert sorted(_rows(found)) == [[0, 3], [1], [2]]


@pytest.mark.parametrize(
    ("angles", "way", "rows"),
    [
        pytest.param(
            [0, 1, 2, 80, 81, 82], within(Leaders(0.2, 3)), [[0, 1, 2], [3, 4, 5]], id="by the clusterer"
        ),
        pytest.param([0, 1, 2, 30, 31, 32], _NEVER, [[0, 1, 2], [3, 4, 5]], id="by two means"),
        pytest.param([7, 7, 7, 7, 7, 7], _NEVER, [[0, 1, 2, 3, 4, 5]], id="copies cannot be parted"),
    ],
)
def test_without_examples_it_is_clustered_by_itself(
    angles: list[float], way: Way, rows: list[list[int]]
) -> None:
    split = Split("c-0", 5)
    small = Way(way.clusterer, replace(way.policy, size_bounds=(2, 3)))
    tickets = _tickets(angles, ["c-0"] * 6)
    found = parted([_group(*range(6))], tickets, Word(splits=[split]), _generation("c-0"), small)
    assert sorted(sorted(one) for one in _rows(found)) == rows


def test_what_has_fallen_apart_anyway_is_not_parted_further() -> None:
    split = Split("c-0", 5)
    groups = [_group(0, 1, 2, 3, 4), _group(5, 6), _group(7)]
    found = parted(
        groups,
        _tickets([0, 1, 2, 20, 21, 80, 81, 50], ["c-0"] * 8),
        Word(splits=[split]),
        _generation("c-0"),
        _NEVER,
    )
    assert _rows(found) == [[0, 1, 2, 3, 4], [5, 6], [7]]
    assert found.parts[0][1].tolist() == [0, 0, 0, 0, 0, 1, 1, -1]


def test_to_take_back_a_merge_before_it_was_done_parts_nothing() -> None:
    split = Split("c-0", 5, undone=("c-1",))
    tickets = _tickets([0, 1, 2, 30, 31, 32], ["c-0"] * 6)
    word = Word(splits=[split])
    assert _rows(parted([_group(*range(6))], tickets, word, _generation("c-0", "c-1"), _NEVER)) == [
        [0, 1, 2, 3, 4, 5]
    ]
    assert len(parted([_group(*range(6))], tickets, word, _generation("c-0"), _NEVER).groups) == 2


def test_a_cluster_that_is_no_more_cannot_be_split() -> None:
    tickets = _tickets([0, 1, 30, 31], ["c-0"] * 4, before=-1)
    found = parted([_group(*range(4))], tickets, Word(splits=[Split("c-0", 5)]), _generation("c-1"), _NEVER)
    assert _rows(found) == [[0, 1, 2, 3]]


def test_a_later_split_of_a_part_holds_beside_the_first() -> None:
    word = Word(splits=[_SPLIT, Split(_SPLIT.part(1), 9, (("t-2",), ("t-3",)))])
    tickets = _tickets([0, 5, 50, 80, 2, 52, 78], ["c-0"] * 7)
    found = parted([_group(*range(7))], tickets, word, _generation("c-0"), _NEVER)
    assert sorted(_rows(found)) == [[0, 1, 4], [2, 5], [3, 6]]


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[float], list[int], list[int]]:
    """Angles of tickets, the group of each (-1 for none) and the list that it is an example of (-1 for none)."""
    count = draw(st.integers(1, 14))
    return (
        draw(st.lists(st.integers(0, 90).map(float), min_size=count, max_size=count)),
        draw(st.lists(st.integers(-1, 3), min_size=count, max_size=count)),
        draw(st.lists(st.integers(-1, 2), min_size=count, max_size=count)),
    )


def _hold(angles: list[float], groups: Labels, lists: list[int], rank: Labels) -> list[set[int]]:
    examples = tuple(
        tuple(f"t-{row}" for row, own in enumerate(lists) if own == number) or ("t-none",)
        for number in range(3)
    )
    held = [
        _group(*sorted(np.flatnonzero(groups == number).tolist(), key=rank.__getitem__))
        for number in range(4)
        if (groups == number).any()
    ]
    tickets = replace(_tickets(angles, ["c-0"] * len(angles)), rank=rank)
    found = parted(held, tickets, Word(splits=[Split("c-0", 5, examples)]), _generation("c-0"), _NEVER)
    return [set(group.rows.tolist()) for group in found.groups]


@given(_cases(), st.randoms(use_true_random=False))
def test_examples_of_two_problems_never_share_a_group_and_no_ticket_is_lost(
    case: tuple[list[float], list[int], list[int]], chance: Random
) -> None:
    angles, groups, lists = case
    held = _hold(angles, np.array(groups), lists, np.arange(len(angles)))
    for rows in held:
        assert len({lists[row] for row in rows} - {-1}) <= 1
    assert sorted(row for rows in held for row in rows) == [row for row, own in enumerate(groups) if own >= 0]
    turned = list(range(len(angles)))
    chance.shuffle(turned)
    other = _hold(
        [angles[row] for row in turned],
        np.array([groups[row] for row in turned]),
        [lists[row] for row in turned],
        np.array(turned),
    )
    assert [{turned[row] for row in rows} for rows in other] == held
