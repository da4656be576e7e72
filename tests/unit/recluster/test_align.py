"""Identity across generations: what stays itself keeps its id, whatever is numbered how; what does not, says why."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from models.recluster.align import Alignment, AlignPolicy, Change, Event, align, events_of
from models.recluster.cluster import Labels
from models.vote import Vectors
from tests.fakes.generations import unit_rows


def _labels(*runs: tuple[int, int]) -> Labels:
    """Runs of (cluster, how many tickets)."""
    return np.repeat([cluster for cluster, _ in runs], [count for _, count in runs]).astype(np.int64)


def _far(old: int, new: int) -> tuple[Vectors, Vectors]:
    """Centroids that say nothing: all at right angles."""
    every = np.eye(old + new, dtype=np.float32)
    return every[:old], every[old:]


def _aligned(before: Labels, after: Labels, old: int, new: int) -> Alignment:
    return align(before, after, _far(old, new), AlignPolicy())


def _events(found: Alignment) -> list[Event]:
    return events_of(
        found, [f"c-{n}" for n in range(len(found.heir))], [f"n-{n}" for n in range(len(found.old))]
    )


def test_the_same_tickets_are_the_same_cluster_however_it_is_numbered() -> None:
    found = _aligned(_labels((0, 20), (1, 10), (2, 5)), _labels((2, 20), (0, 10), (1, 5)), 3, 3)
    assert found.old.tolist() == [1, 2, 0]
    assert _events(found) == []


def test_one_that_drifts_keeps_its_id() -> None:
    """Half of its tickets are gone and as many new ones came: what both generations know is still together."""
    before = _labels((0, 10), (1, 10), (-1, 10))
    after = _labels((0, 5), (-1, 5), (1, 10), (0, 10))
    found = _aligned(before, after, 2, 2)
    assert found.old.tolist() == [0, 1]
    assert _events(found) == []


def test_a_split_keeps_the_larger_part_and_names_the_other() -> None:
    found = _aligned(_labels((0, 30)), _labels((0, 18), (1, 12)), 1, 2)
    assert found.old.tolist() == [0, -1]
    assert _events(found) == [Event(Change.SPLIT, "n-1", "c-0", 1.0)]


def test_a_merge_keeps_the_larger_one_and_says_where_the_other_went() -> None:
    found = _aligned(_labels((0, 12), (1, 18)), _labels((0, 30)), 2, 1)
    assert found.old.tolist() == [1]
    assert _events(found) == [Event(Change.MERGED, "c-0", "n-0", 1.0)]


def test_a_birth_and_a_death() -> None:
    found = _aligned(_labels((0, 10), (1, 10), (-1, 12)), _labels((0, 10), (-1, 10), (1, 12)), 2, 2)
    assert found.old.tolist() == [0, -1]
    assert _events(found) == [Event(Change.BORN, "n-1", None, 0.0), Event(Change.DIED, "c-1", None, 0.0)]


def test_one_that_falls_to_several_has_no_heir() -> None:
    found = _aligned(
        _labels((0, 12), (1, 40), (2, 40), (3, 40)),
        _labels((0, 4), (1, 4), (2, 4), (0, 40), (1, 40), (2, 40)),
        4,
        3,
    )
    assert found.old.tolist() == [1, 2, 3]
    assert _events(found) == [Event(Change.DIED, "c-0", None, 0.0)]


def test_tickets_outweigh_centroids() -> None:
    centroids = np.eye(2, dtype=np.float32)
    found = align(_labels((0, 10), (1, 10)), _labels((1, 10), (0, 10)), (centroids, centroids), AlignPolicy())
    assert found.old.tolist() == [1, 0]


def test_a_single_ticket_steals_no_identity() -> None:
    """That more pairs could be made is no reason: the larger part stays what it was."""
    found = _aligned(_labels((0, 100), (1, 1)), _labels((0, 60), (1, 40), (0, 1)), 2, 2)
    assert found.old.tolist() == [0, -1]


def test_without_a_common_ticket_near_centroids_are_the_same() -> None:
    centroids = np.eye(3, dtype=np.float32)
    turned = centroids[[2, 0, 1]]
    found = align(_labels((-1, 4)), _labels((-1, 4)), (centroids, turned), AlignPolicy())
    assert found.old.tolist() == [2, 0, 1]
    assert _events(found) == []


def test_a_far_centroid_is_another_problem() -> None:
    found = _aligned(_labels((0, 5), (-1, 5)), _labels((-1, 5), (0, 5)), 1, 1)
    assert [event.change for event in _events(found)] == [Change.BORN, Change.DIED]


@pytest.mark.parametrize(("old", "new"), [(0, 0), (0, 2), (2, 0)])
def test_nothing_before_or_after(old: int, new: int) -> None:
    found = align(
        np.full(3, -1, dtype=np.int64),
        np.full(3, -1, dtype=np.int64),
        (unit_rows(old, 4, 0).reshape(old, 4), unit_rows(new, 4, 1).reshape(new, 4)),
        AlignPolicy(cosine=2.0),
    )
    assert found.old.tolist() == [-1] * new
    assert len(_events(found)) == old + new


@given(st.lists(st.tuples(st.integers(-1, 4), st.integers(-1, 4)), max_size=60))
def test_each_old_cluster_is_one_new_one_at_most_and_each_change_is_told_once(
    pairs: list[tuple[int, int]],
) -> None:
    before, after = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    found = _aligned(before, after, 5, 5)
    kept = found.old[found.old >= 0].tolist()
    assert len(kept) == len(set(kept))
    assert len(_events(found)) == (5 - len(kept)) * 2
    assert all(0.0 <= event.share <= 1.0 for event in _events(found))


@given(st.permutations(range(5)), st.lists(st.integers(0, 4), min_size=5, max_size=60))
def test_a_new_numbering_changes_nothing(order: list[int], tickets: list[int]) -> None:
    before = np.array([*range(5), *tickets], dtype=np.int64)
    found = _aligned(before, np.array(order, dtype=np.int64)[before], 5, 5)
    assert found.old[order].tolist() == list(range(5))


# -- as with whole matrices, in less memory


@given(
    st.lists(st.tuples(st.integers(-1, 5), st.integers(-1, 6)), max_size=60),
    st.integers(0, 2**32),
    st.sampled_from([-1.0, 0.3, 0.9, 2.0]),
)
def test_no_pairing_is_worth_more(pairs: list[tuple[int, int]], seed: int, cosine: float) -> None:
    """Held against the same sum over whole matrices; several pairings may be worth as much."""
    before, after = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    centroids, policy = (unit_rows(6, 3, seed), unit_rows(7, 3, seed + 1)), AlignPolicy(cosine=cosine)
    worth = np.zeros((6, 7))
    for old in range(6):
        for new in range(7):
            mine, yours = (before == old) & (after >= 0), (after == new) & (before >= 0)
            common, least = (mine & yours).sum(), min(mine.sum(), yours.sum())
            near = float(centroids[0][old].astype(np.float64) @ centroids[1][new].astype(np.float64))
            if least == 0:
                worth[old, new] = near * 1e-9 if near >= cosine else 0.0
            elif common >= policy.overlap * least:
                worth[old, new] = common / (mine | yours).sum()
    found = align(before, after, centroids, policy).old
    matched = found >= 0
    assert (worth[found[matched], np.flatnonzero(matched)] > 0).all()
    worth = np.maximum(worth, 0.0)
    best = worth[linear_sum_assignment(worth, maximize=True)].sum()
    assert worth[found[matched], np.flatnonzero(matched)].sum() == pytest.approx(best, rel=0, abs=1e-12)


def test_many_clusters_need_no_matrix_of_them_all() -> None:
    clusters, chance = 3_000, np.random.default_rng(0)
    before = np.arange(20 * clusters) % clusters
    after = np.where(chance.random(len(before)) < 0.8, before, chance.integers(0, clusters, len(before)))
    before[before < 30] = -1  # strangers
    centroids = unit_rows(clusters, 8, 0)
    tracemalloc.start()
    found = align(before, after, (centroids, centroids), AlignPolicy())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.old.tolist() == list(range(clusters))
    assert peak < clusters * clusters * 8 / 4  # bytes of one such matrix, of which there were nine
