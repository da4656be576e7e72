"""Corrections: what one act teaches, what several do, and what they leave alone.

Clusters lie along the axes: c-0 and c-4 are a's, c-1 is b's, c-2 is c's, c-3 is nobody's.
"""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.evidence import Searchable, gather, searchable
from models.routing.corrections import (
    KNOWN_AT,
    MOST,
    Act,
    ActKind,
    Corrections,
    Weighed,
    corrections_of,
    no_corrections,
    weigh_corrections,
)
from models.vote import Vectors, VotePolicy, settle
from tests.fakes.generations import generation, unit, unit_rows
from tests.fakes.vector_index import NumpyIndex

_DIM = 8
_AXES = np.eye(_DIM, dtype=np.float32)
_POLICY = VotePolicy(neighbours=3)
CORRECTED, CONFIRMED, BOUND = ActKind.CORRECTED, ActKind.CONFIRMED, ActKind.BOUND


def _ready(reach: float = 0.7) -> Searchable:
    exemplars = [(row, _AXES[row]) for row in range(5) for _ in range(3)]
    return searchable(generation(["a", "b", "c", None, "a"], _AXES[:5], exemplars, reach=reach), NumpyIndex)


READY = _ready()


def _tilted(cosine: float, towards: int = 7) -> Vectors:
    """A ticket of c-0 at this cosine from its axis."""
    row = np.zeros(_DIM)
    row[0], row[towards] = cosine, (1 - cosine**2) ** 0.5
    return unit(*row)


def _act(
    revision: int,
    kind: ActKind = CORRECTED,
    owner: str = "b",
    cluster: str | None = "c-0",
    vector: Vectors | None = None,
    ticket: str | None = "own",
) -> Act:
    """On ticket t-<revision> unless it is another's, or nobody's."""
    ticket_id = f"t-{revision}" if ticket == "own" else ticket
    kept = None if vector is None else settle(vector[None, :])[0]
    return Act(revision, kind, owner, ticket_id, cluster, kept)


def _weighed(queries: Vectors, acts: Sequence[Act], ready: Searchable = READY) -> Weighed:
    settled = settle(np.atleast_2d(queries))
    corrections = corrections_of(acts, len(acts), ready)
    return weigh_corrections(settled, gather(settled, ready, _POLICY), ready, corrections)


def _share(found: Weighed, owner: str, row: int = 0) -> float:
    return float(found.probability[row, found.owners.index(owner)])


def _leader(found: Weighed, row: int = 0) -> tuple[str | None, str]:
    """Whose the ticket is, and of which cluster."""
    column = int(found.probability[row].argmax())
    return found.owners[column], READY.generation.clusters[found.cluster[row, column]].id


# -- of nobody yet


def test_without_an_act_the_evidence_stays_as_it_is() -> None:
    queries = settle(unit_rows(9, _DIM, seed=0))
    evidence = gather(queries, READY, _POLICY)
    found = weigh_corrections(queries, evidence, READY, no_corrections(_DIM))
    assert np.array_equal(found.probability, evidence.probability)
    assert (found.owners, found.handler.tolist()) == (READY.owners, [0, 1, 2, 3, 0])
    assert not found.taught.any()
    assert no_corrections(_DIM).revision == 0


def test_of_an_owner_s_clusters_the_one_that_was_voted_for_speaks_for_it() -> None:
    queries = settle(_AXES[[0, 4]])
    found = weigh_corrections(queries, gather(queries, READY, _POLICY), READY, no_corrections(_DIM))
    assert found.cluster[:, 0].tolist() == [0, 4]


# -- one corrected ticket


@pytest.mark.parametrize(
    ("query", "owner", "taught"),
    [
        pytest.param(_tilted(0.8), "b", 1.0, id="its twin"),
        pytest.param(_tilted(0.84), "b", 0.98, id="one very like it"),
        pytest.param(_AXES[0], "a", 0.111, id="one of its cluster, not so like it"),
        pytest.param(_tilted(0.8, towards=6), "a", 0.0, id="one as far from the cluster, elsewhere"),
        pytest.param(_AXES[2], "c", 0.0, id="one of another cluster"),
    ],
)
def test_one_correction_teaches_tickets_like_it_and_no_others(
    query: Vectors, owner: str, taught: float
) -> None:
    found = _weighed(query, [_act(1, vector=_tilted(0.8))])
    assert _leader(found)[0] == owner
    assert found.taught[0] == pytest.approx(taught, abs=0.06)


def test_a_ticket_out_of_reach_keeps_its_probabilities() -> None:
    query = settle(_tilted(0.8, towards=6)[None, :])
    before = gather(query, READY, _POLICY).probability
    np.testing.assert_allclose(
        _weighed(query, [_act(1, vector=_tilted(0.8))]).probability, before, rtol=1e-15
    )


@pytest.mark.parametrize("reach", [0.0, 0.5, 0.9])
def test_what_is_taught_begins_at_the_reach_and_grows_with_the_square_of_the_way(reach: float) -> None:
    ready = _ready(reach)
    cosines = np.array([reach - 0.05, reach + (1 - reach) / 2, 1.0])
    queries = np.stack([unit(c, *[0.0] * 6, (1 - c**2) ** 0.5) for c in cosines])
    found = _weighed(queries, [_act(1, vector=_AXES[0])], ready)
    np.testing.assert_allclose(found.taught, [0.0, 0.25, 1.0], atol=0.03)
    assert found.taught[1] < KNOWN_AT < found.taught[2]


def test_past_tickets_as_near_have_their_say_beside_it() -> None:
    """One corrected ticket weighs eight past ones: three on the spot leave it 8 of 11."""
    found = _weighed(_AXES[0], [_act(1, vector=_AXES[0])])
    before = _weighed(_AXES[0], [])
    assert _share(found, "b") == pytest.approx((8 + 3 * _share(before, "b")) / 11, abs=1e-6)


def test_an_owner_that_only_people_know_gets_what_is_like_its_tickets() -> None:
    found = _weighed(np.stack([_tilted(0.8), _AXES[1]]), [_act(1, owner="new", vector=_tilted(0.8))])
    assert found.owners == ("a", "b", "c", None, "new")
    assert _leader(found, 0) == ("new", "c-0")
    assert _share(found, "new", 1) == 0.0
    np.testing.assert_allclose(found.probability.sum(axis=1), 1.0, rtol=1e-12)


def test_a_ticket_that_was_decided_to_be_nobody_s_teaches_too() -> None:
    found = _weighed(_AXES[6], [_act(1, cluster=None, vector=_AXES[6])])
    assert _leader(found)[0] == "b"
    assert found.taught[0] == 1.0


@pytest.mark.parametrize(
    ("acts", "owner"),
    [
        pytest.param([("b", True), ("c", True)], "c", id="corrected again"),
        pytest.param([("b", True), ("a", False)], "a", id="given back"),
        pytest.param([("b", True), ("c", True), ("b", True)], "b", id="back and forth"),
    ],
)
def test_the_last_act_on_a_ticket_counts_alone(acts: list[tuple[str, bool]], owner: str) -> None:
    query = _tilted(0.8)
    told = [
        _act(revision, CORRECTED if moved else CONFIRMED, name, "c-0", query if moved else None, "t-1")
        for revision, (name, moved) in enumerate(acts, 1)
    ]
    made = corrections_of(told, 9, READY)
    assert made.owners == ((owner,) if acts[-1][1] else ())
    assert made.clusters == corrections_of(told[-1:], 9, READY).clusters
    assert _leader(_weighed(query, told))[0] == owner


def test_a_ticket_s_name_is_not_taken_for_a_revision() -> None:
    """Helpdesks call tickets #7, and an act on a whole cluster has no ticket."""
    acts = [_act(7, BOUND, "c", ticket=None), _act(8, owner="b", vector=_AXES[5], ticket="#7")]
    made = corrections_of(acts, 8, READY)
    assert dict(made.clusters["c-0"]).keys() == {"c"}
    assert made.owners == ("b",)


# -- several on one cluster


def _in_a_row(corrected: int, confirmed: int = 0, owner: str = "b", back: str = "a") -> list[Act]:
    """So many tickets of c-0 given to `owner`, out of reach of each other and of what is asked; then so many that
    `back` kept."""
    moved = [
        _act(revision, owner=owner, vector=_AXES[5 + revision % 3]) for revision in range(1, corrected + 1)
    ]
    kept = [_act(corrected + number, CONFIRMED, back) for number in range(1, confirmed + 1)]
    return moved + kept


def _hand_worked(corrected: int, confirmed: int) -> float:
    """The share of b: an act weighs .95 of the next, two are exceptions, and a has one more than what it kept."""
    moved = sum(0.95**age for age in range(confirmed, confirmed + corrected)) - 2.0
    kept = 1.0 + sum(0.95**age for age in range(confirmed))
    return max(0.0, moved) / (max(0.0, moved) + kept)


@pytest.mark.parametrize(
    ("corrected", "confirmed", "owner"),
    [
        pytest.param(1, 0, "a", id="one is an exception"),
        pytest.param(2, 0, "a", id="so are two"),
        pytest.param(3, 0, "a", id="three make it doubtful"),
        pytest.param(4, 0, "b", id="four in a row move it"),
        pytest.param(9, 0, "b", id="nine surely"),
        pytest.param(4, 1, "a", id="one that stayed brings it back"),
        pytest.param(9, 1, "b", id="not after nine"),
        pytest.param(9, 4, "a", id="four that stayed do"),
    ],
)
def test_tickets_that_went_elsewhere_in_a_row_move_their_cluster_and_those_that_stayed_bring_it_back(
    corrected: int, confirmed: int, owner: str
) -> None:
    acts = _in_a_row(corrected, confirmed)
    shares = dict(corrections_of(acts, 99, READY).clusters["c-0"])
    expected = _hand_worked(corrected, confirmed)
    assert shares.get("b", 0.0) == pytest.approx(expected, abs=1e-12)
    assert sum(shares.values()) == pytest.approx(1.0, abs=1e-12)
    found = _weighed(_AXES[0], acts)
    before = _share(_weighed(_AXES[0], []), "a")
    assert _leader(found) == (owner, "c-0")
    assert _share(found, "a") == pytest.approx(before * (1 - expected), abs=1e-6)


def test_two_exceptions_in_a_cluster_change_nobody_else_s_owner() -> None:
    queries = settle(np.concatenate([_AXES[:5], [_tilted(0.8, towards=6)]]))
    acts = [_act(1, owner="b", vector=_AXES[7]), _act(2, owner="b", vector=-_AXES[7])]
    found = _weighed(queries, acts)
    before = gather(queries, READY, _POLICY).probability
    np.testing.assert_allclose(found.probability, before, rtol=1e-12)


def test_exceptions_to_several_owners_are_exceptions_each() -> None:
    acts = [_act(1, owner="b"), _act(2, owner="c"), _act(3, owner="b"), _act(4, owner="c")]
    assert corrections_of(acts, 4, READY).clusters == {"c-0": (("a", 1.0),)}


def test_a_cluster_of_nobody_gets_an_owner_and_keeps_its_id() -> None:
    """Nobody is there to be asked against: the third is its owner's."""
    acts = [_act(revision, cluster="c-3", vector=_AXES[6]) for revision in (1, 2, 3)]
    assert corrections_of(acts[:2], 2, READY).clusters == {"c-3": ()}
    assert _leader(_weighed(_AXES[3], acts[:2])) == (None, "c-3")
    assert _leader(_weighed(_AXES[3], acts)) == ("b", "c-3")


def test_an_owner_s_other_clusters_stay_its_own() -> None:
    found = _weighed(_AXES[[0, 4]], _in_a_row(6))
    assert [_leader(found, row) for row in (0, 1)] == [("b", "c-0"), ("a", "c-4")]
    assert found.handler.tolist() == [1, 1, 2, 3, 0]


# -- whole clusters


def test_a_bound_cluster_is_its_new_owner_s_at_once() -> None:
    found = _weighed(_AXES[[0, 1]], [_act(1, BOUND, "c", ticket=None)])
    assert [_leader(found, row) for row in (0, 1)] == [("c", "c-0"), ("b", "c-1")]
    assert _share(found, "a") == 0.0


def test_binding_ends_what_was_counted_before_and_counts_anew_from_there() -> None:
    bound = _act(20, BOUND, "c", ticket=None)
    assert corrections_of([*_in_a_row(9), bound], 20, READY).clusters == {"c-0": (("c", 1.0),)}
    later = [_act(21 + number, owner="b") for number in range(4)]
    shares = dict(corrections_of([*_in_a_row(9), bound, *later], 24, READY).clusters["c-0"])
    assert shares["b"] == pytest.approx(_hand_worked(4, 0), abs=1e-12)
    assert shares.keys() == {"b", "c"}


def test_a_cluster_bound_to_somebody_new_brings_a_column_of_its_own() -> None:
    found = _weighed(_AXES[0], [_act(1, BOUND, "new", ticket=None)])
    assert _leader(found) == ("new", "c-0")
    assert found.handler[0] == found.owners.index("new")


def test_of_several_clusters_that_were_given_away_the_likeliest_is_named() -> None:
    """Most of the ticket is c-1's, some of it c-0's: whoever gets both is named for c-1."""
    acts = [_act(1, BOUND, "new", "c-1", ticket=None), _act(2, BOUND, "new", "c-0", ticket=None)]
    query = unit(0.5, 0.9, *[0.0] * 6)
    for order in (acts, acts[::-1]):
        assert _leader(_weighed(query, order)) == ("new", "c-1")


def test_a_cluster_that_this_generation_does_not_know_is_passed_over() -> None:
    acts = [_act(1, BOUND, "b", "c-gone", ticket=None), _act(2, cluster="c-gone", vector=_AXES[6])]
    made = corrections_of(acts, 2, READY)
    assert (made.clusters, made.owners) == ({}, ("b",))


# -- all of them


def test_the_revision_is_that_of_the_last_record_whatever_it_was() -> None:
    assert corrections_of([], 41, READY).revision == 41
    assert corrections_of([_act(3)], 41, READY).revision == 41


def test_only_the_latest_acts_are_remembered() -> None:
    first = [_act(1, BOUND, "b", ticket=None), _act(2, owner="c", cluster=None, vector=_AXES[6])]
    more = [_act(3 + number, CONFIRMED, "b", "c-1") for number in range(MOST - 2)]
    all_kept = corrections_of([*first, *more], MOST, READY)
    assert (set(all_kept.clusters), all_kept.owners) == ({"c-0", "c-1"}, ("c",))
    one_more = corrections_of([*first, *more, _act(MOST + 1, CONFIRMED, "b", "c-1")], MOST + 1, READY)
    assert (set(one_more.clusters), one_more.owners) == ({"c-1"}, ("c",))


_acts = st.lists(
    st.tuples(
        st.sampled_from(ActKind),
        st.sampled_from(["a", "b", "c", "new", "other"]),
        st.sampled_from(["c-0", "c-1", "c-2", "c-3", "c-gone", None]),
        st.integers(0, 19),
        st.sampled_from(["t-1", "t-2", "t-3", "own"]),
    ),
    max_size=30,
)
_PLACES = settle(np.concatenate([unit_rows(12, _DIM, seed=1), _AXES]))


def _acts_of(drawn: list[tuple[ActKind, str, str | None, int, str]]) -> list[Act]:
    return [
        _act(
            revision,
            kind,
            owner,
            cluster,
            _PLACES[place] if kind is CORRECTED else None,
            None if kind is BOUND else ticket,
        )
        for revision, (kind, owner, cluster, place, ticket) in enumerate(drawn, 1)
    ]


def _same(one: Corrections, other: Corrections) -> bool:
    return (one.revision, one.owners, dict(one.clusters)) == (
        other.revision,
        other.owners,
        dict(other.clusters),
    ) and one.vectors.tobytes() == other.vectors.tobytes()


@settings(deadline=None)
@given(_acts, st.integers(1, 20))
def test_whatever_people_did_each_ticket_s_probabilities_are_its_own_and_sum_to_one(
    drawn: list[tuple[ActKind, str, str | None, int, str]], size: int
) -> None:
    acts = _acts_of(drawn)
    whole = _weighed(_PLACES, acts)
    np.testing.assert_allclose(whole.probability.sum(axis=1), 1.0, rtol=1e-12)
    assert (whole.probability >= 0).all()
    assert ((whole.taught >= 0) & (whole.taught <= 1)).all()
    for start in range(0, len(_PLACES), size):
        rows = slice(start, start + size)
        part = _weighed(_PLACES[rows], acts)
        assert np.array_equal(part.probability, whole.probability[rows])
        assert np.array_equal(part.cluster, whole.cluster[rows])
        assert np.array_equal(part.taught, whole.taught[rows])
        assert part.owners == whole.owners


@settings(deadline=None)
@given(_acts)
def test_acts_that_were_overtaken_may_as_well_be_gone(
    drawn: list[tuple[ActKind, str, str | None, int, str]],
) -> None:
    """As compaction leaves them: a reader that came later knows the same."""
    acts = _acts_of(drawn)
    last = {act.ticket_id or act.revision: act.revision for act in acts}
    left = [act for act in acts if act.revision in last.values()]
    assert _same(corrections_of(acts, 99, READY), corrections_of(left, 99, READY))
