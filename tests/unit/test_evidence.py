"""Evidence: what is counted, how it is weighed, and that no order and no batch shows in a single bit of it."""

from dataclasses import astuple, replace
from fractions import Fraction

import numpy as np
import pytest

from models.evidence import (
    HEAD_GRID,
    answer,
    best_in_party,
    confidence_of,
    gather,
    kernel,
    log_odds,
    nearest_rows,
    scope_of,
    searchable,
    strength_of,
    weigh,
)
from models.exact import Floats
from models.generation import Confidence, Generation, Head
from models.learn.head import HeadPolicy, fit_head
from models.vote import VotePolicy, parties, settle
from tests.fakes.generations import BY_VOTE, blobs, generation, unit, unit_rows
from tests.fakes.vector_index import NumpyIndex

_ALL = Confidence(
    head=8.0, linear=0.5, vote=3.0, centroid=2.0, slope=0.8, bias=-0.3, strength=2.0, nearest=1.5
)


def _learned(each: int = 30, dim: int = 16) -> Generation:
    """Four clusters of three owners around as many directions, a fifth that only its centroid is known of, a head."""
    vectors, cluster = blobs(np.eye(dim, dtype=np.float32)[:4], each, 0.15, seed=0)
    owners = ["a", "b", "a", "c", "b"]
    made = generation(
        owners, np.eye(dim, dtype=np.float32)[:5], list(zip(cluster.tolist(), settle(vectors), strict=True))
    )
    party = parties([*owners])
    head = fit_head(settle(vectors), party[cluster], 3, HeadPolicy())
    return replace(made, head=head, confidence=_ALL)


# -- made ready


def test_a_cluster_without_exemplars_votes_with_its_centroid() -> None:
    ready = searchable(generation(["a", "b"], np.eye(2, dtype=np.float32), [(0, unit(1, 0))]), NumpyIndex)
    assert ready.voter_cluster.tolist() == [0, 1]
    assert ready.voters.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    assert gather(np.array([[0, 1]], dtype=np.float32), ready, VotePolicy()).voted[0, 0] == 1


def test_clusters_of_one_owner_are_one_party_and_one_without_owner_is_its_own() -> None:
    ready = searchable(generation(["b", None, "a", "b", None], np.eye(5, dtype=np.float32), []), NumpyIndex)
    assert ready.party.tolist() == [0, 1, 2, 0, 3]
    assert ready.owners == ("b", None, "a", None)


def test_what_was_learned_is_there_in_double_precision() -> None:
    made = _learned()
    ready = searchable(made, NumpyIndex)
    assert made.head is not None
    for ours, theirs in ((ready.head_weights, made.head.weights), (ready.linear, made.head.linear)):
        assert ours is not None
        assert theirs is not None
        assert ours.dtype == np.float64
        assert np.array_equal(ours, theirs)
    bare = searchable(replace(made, head=None), NumpyIndex)
    assert (bare.head_weights, bare.linear) == (None, None)


# -- the nearest


@pytest.mark.parametrize(
    ("products", "k", "columns"),
    [
        pytest.param([0.5, 0.75, 0.25], 2, [1, 0], id="largest first"),
        pytest.param([0.5, 0.5, 0.5, 0.5], 2, [0, 1], id="of equals the first"),
        pytest.param([0.25, 0.5, 0.25, 0.5], 3, [1, 3, 0], id="equals at the edge"),
        pytest.param([0.5, 0.25], 2, [0, 1], id="all of them"),
        pytest.param([0.5], 3, [0, -1, -1], id="seats left empty"),
        pytest.param([-1.0, -1.0, -0.5], 2, [2, 0], id="negative"),
        pytest.param([1.0, 1.0 + 2**-16, 1.0], 2, [1, 0], id="one step apart"),
        pytest.param([0.0, -(2.0**-16), 2.0**-16], 3, [2, 0, 1], id="one step around zero"),
    ],
)
def test_the_nearest_stand_in_the_order_of_cosine_and_row(
    products: list[float], k: int, columns: list[int]
) -> None:
    found, values = nearest_rows(np.array([products], dtype=np.float32), k)
    assert found.tolist() == [columns]
    assert values.tolist() == [[products[c] if c >= 0 else -np.inf for c in columns]]
    assert found.dtype == np.int64
    assert values.dtype == np.float64


@pytest.mark.parametrize("k", [1, 7, 64, 500, 600])
def test_the_nearest_of_many_are_those_of_a_plain_stable_sort(k: int) -> None:
    products = (np.random.default_rng(k).integers(-40, 40, (20, 500)) / 64).astype(np.float32)
    found, _ = nearest_rows(products, k)
    expected = np.argsort(-products, axis=1, kind="stable")[:, :k]
    assert np.array_equal(found[:, : expected.shape[1]], expected)
    assert (found[:, expected.shape[1] :] == -1).all()


# -- the head


@pytest.mark.parametrize("exponent", [1, 3, 4, 8])
def test_the_kernel_stands_on_its_grid(exponent: int) -> None:
    cosines = np.arange(-(2**16), 2**16 + 1, 37) / 2.0**16
    found = kernel(cosines, exponent)
    assert np.array_equal(found * HEAD_GRID, np.rint(found * HEAD_GRID))
    np.testing.assert_allclose(found, ((1 + cosines) / 2) ** exponent, atol=0.5 / HEAD_GRID)
    assert kernel(np.array([-1.0, 1.0]), exponent).tolist() == [0.0, 1.0]
    assert (np.diff(found) >= 0).all()


def _sums(count: int, width: int) -> tuple[Floats, Floats]:
    """Cosines [5, count] on the grid of products, weights [count, width] on that of the head."""
    chance = np.random.default_rng(count)
    cosines = chance.integers(-(2**15), 2**16, (5, count)) / 2.0**16
    return cosines, np.rint(chance.normal(scale=2.0, size=(count, width)) * HEAD_GRID) / HEAD_GRID


def test_answers_are_exact() -> None:
    cosines, weights = _sums(300, 3)
    found = answer(cosines, weights, 4)
    for row, kernels in enumerate(kernel(cosines, 4)):
        for party in range(3):
            terms = zip(kernels.tolist(), weights[:, party].tolist(), strict=True)
            assert Fraction(found[row, party]) == sum(Fraction(k) * Fraction(w) for k, w in terms)


@pytest.mark.parametrize("count", [1, 17, 5_000])
def test_answers_are_the_same_to_the_bit_in_any_order_and_any_part(count: int) -> None:
    """Whatever the library adds first, and however many rows or columns it is given at a time."""
    cosines, weights = _sums(count, 7)
    found = answer(cosines, weights, 4)
    order = np.random.default_rng(1).permutation(count)
    assert np.array_equal(answer(cosines[:, order], weights[order], 4), found)
    rows = [answer(cosines[[row]], weights, 4)[0] for row in range(5)]
    assert np.array_equal(np.stack(rows), found)
    columns = [answer(cosines, np.ascontiguousarray(weights[:, [party]]), 4)[:, 0] for party in range(7)]
    assert np.array_equal(np.stack(columns, axis=1), found)


def test_log_odds_are_exact_too() -> None:
    queries = settle(unit_rows(6, 96, seed=2))
    linear = np.rint(np.random.default_rng(3).normal(scale=5.0, size=(97, 4)) * HEAD_GRID) / HEAD_GRID
    linear[-1, 2] = -30.0
    found, order = log_odds(queries, linear, 4), np.random.default_rng(4).permutation(96)
    shuffled = np.concatenate([linear[:-1][order], linear[-1:]])
    assert np.array_equal(log_odds(np.ascontiguousarray(queries[:, order]), shuffled, 4), found)
    one = sum(
        Fraction(float(q)) * Fraction(float(w)) for q, w in zip(queries[0], linear[:-1, 1], strict=True)
    )
    assert Fraction(found[0, 1]) == one + Fraction(float(linear[-1, 1]))


def test_what_a_real_head_adds_up_stays_where_sums_are_exact() -> None:
    """Products are multiples of 2**-36, so that 53 bits hold every partial sum below 2**17; log-odds leave more."""
    made = _learned(each=200)
    assert made.head is not None
    exemplars = made.exemplars.astype(np.float64)
    sums = kernel(exemplars @ exemplars.T, made.head.power) @ np.abs(made.head.weights.astype(np.float64))
    assert sums.max() < 2.0**12


def test_strength_is_the_length_of_the_answers() -> None:
    assert strength_of(np.array([[0.6, 0.8], [0.0, 0.0], [-3.0, 4.0]])).tolist() == [1.0, 0.0, 5.0]


# -- of several clusters


@pytest.mark.parametrize(
    ("scores", "party", "best", "clusters"),
    [
        pytest.param([0.1, 0.9, 0.5], [0, 0, 1], [0.9, 0.5], [1, 2], id="the better one"),
        pytest.param([0.5, 0.2, 0.5], [0, 1, 0], [0.5, 0.2], [0, 1], id="of equals the first"),
        pytest.param([0.1, 0.2, 0.3], [0, 1, 2], [0.1, 0.2, 0.3], [0, 1, 2], id="one each"),
        pytest.param([-0.4, -0.1, -0.3], [0, 1, 0], [-0.3, -0.1], [2, 1], id="negative, apart"),
    ],
)
def test_each_party_has_its_best_cluster(
    scores: list[float], party: list[int], best: list[float], clusters: list[int]
) -> None:
    found = best_in_party(np.array([scores]), np.array(party))
    assert (found[0].tolist(), found[1].tolist()) == ([best], [clusters])


def test_the_best_of_many_is_that_of_a_plain_loop() -> None:
    chance = np.random.default_rng(5)
    scores = (chance.integers(-5, 5, (30, 40)) / 8).astype(np.float32)
    names = ("a", "b", "c", None, None)
    party = parties([names[pick] for pick in chance.integers(0, 5, 40)])
    best, clusters = best_in_party(scores, party)
    for row in range(30):
        for code in range(int(party.max()) + 1):
            own = [(-scores[row, cluster], cluster) for cluster in np.flatnonzero(party == code)]
            assert (-best[row, code], clusters[row, code]) == min(own)


def test_no_tickets_have_no_best() -> None:
    best, clusters = best_in_party(np.empty((0, 3)), np.array([0, 1, 0]))
    assert best.shape == clusters.shape == (0, 2)


# -- weighed


def test_evidence_is_weighed_as_a_softmax_of_its_weighted_sum() -> None:
    parts = np.random.default_rng(6).normal(size=(4, 20, 5))
    logits = 8.0 * parts[0] + 0.5 * parts[1] + 3.0 * parts[2] + 2.0 * parts[3]
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    answers, linear, votes, centroids = parts
    found = weigh(answers, linear, votes, centroids, _ALL)
    np.testing.assert_allclose(found, shares / shares.sum(axis=1, keepdims=True), rtol=1e-12)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-12)


def test_probabilities_sum_to_one_however_far_apart_the_evidence_is() -> None:
    far = np.array([[1e6, -1e6, 0.0], [0.0, 0.0, 0.0], [-1e6, -1e6, -1e6]])
    none = np.zeros((3, 3))
    found = weigh(far, none, none, none, _ALL)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, rtol=1e-15)
    assert (found > 0).all()
    assert found[0, 0] == 1.0
    assert len(set(found[1:].ravel().tolist())) == 1


def test_no_tickets_are_weighed_to_nothing() -> None:
    none = np.empty((0, 3))
    assert weigh(none, none, none, none, _ALL).shape == (0, 3)


def test_scope_is_the_weighted_sum_of_strength_and_nearness() -> None:
    found = scope_of(np.array([0.5, 1.0]), np.array([0.25, 1.0]), _ALL)
    assert found.tolist() == [2.0 * 0.5 + 1.5 * 0.25, 3.5]


def test_a_confidence_that_is_not_calibrated_is_the_probability_itself() -> None:
    probability = np.linspace(0.01, 0.99, 50)
    np.testing.assert_allclose(confidence_of(probability, BY_VOTE), probability, rtol=1e-12)


def test_calibration_bends_log_odds_and_never_turns_them_round() -> None:
    probability = np.linspace(0.0, 1.0, 101)
    found = confidence_of(probability, _ALL)
    odds = np.log(probability[1:-1] / (1 - probability[1:-1]))
    np.testing.assert_allclose(found[1:-1], 1 / (1 + np.exp(-(0.8 * odds - 0.3))), rtol=1e-12)
    assert (np.diff(found) > 0).all()
    assert 0.0 < found[0] < found[-1] < 1.0


# -- gathered


def test_evidence_is_of_each_row_alone_whatever_stands_beside_it() -> None:
    """More rows than are held at once, and a cut in the middle of them."""
    ready = searchable(_learned(), NumpyIndex)
    queries = settle(unit_rows(150, 16, seed=7))
    whole = gather(queries, ready, VotePolicy())
    for rows in (slice(0, 1), slice(60, 70), slice(63, 150)):
        part = gather(queries[rows], ready, VotePolicy())
        for name in ("probability", "voted", "cosines", "similarity", "strength", "scope", "nearest"):
            assert np.array_equal(getattr(part, name), getattr(whole, name)[rows]), name
        for ours, theirs in zip(astuple(part.votes), astuple(whole.votes), strict=True):
            assert np.array_equal(ours, theirs[rows])


def test_every_kind_of_evidence_has_its_say() -> None:
    made = _learned()
    query = settle(unit(*[0.7, 0.6, *[0.1] * 14])[None, :])
    found = gather(query, searchable(made, NumpyIndex), VotePolicy()).probability
    for kind in ("head", "linear", "vote", "centroid"):
        silent = replace(made, confidence=replace(_ALL, **{kind: 0.0}))
        assert not np.allclose(
            gather(query, searchable(silent, NumpyIndex), VotePolicy()).probability, found, atol=1e-3
        ), kind


def test_without_a_head_the_nearest_tells_how_strong_the_history_is() -> None:
    made = replace(_learned(), head=None)
    found = gather(settle(unit_rows(9, 16, seed=8)), searchable(made, NumpyIndex), VotePolicy())
    assert np.array_equal(found.strength, found.nearest)
    np.testing.assert_allclose(found.scope, 3.5 * found.nearest, rtol=1e-12)


def test_a_head_is_strong_near_the_history_and_weak_away_from_it() -> None:
    ready = searchable(_learned(), NumpyIndex)
    asked = settle(np.stack([np.eye(16)[0], np.eye(16)[9], -np.ones(16) / 4]))
    strength = gather(asked, ready, VotePolicy()).strength
    assert strength[0] > 0.9
    assert strength[0] > strength[1] > strength[2]


def test_no_neighbour_is_nearer_than_one() -> None:
    vectors = unit_rows(200, 8, seed=6)
    made = generation(["a"], vectors[:1], [(0, vector) for vector in vectors])
    found = gather(settle(vectors), searchable(made, NumpyIndex), VotePolicy())
    assert found.cosines.max() > 1.0
    assert found.nearest.max() == found.scope.max() == 1.0


def test_a_generation_of_few_voters_leaves_seats_empty() -> None:
    made = generation(["a", "b"], np.eye(2, dtype=np.float32), [])
    found = gather(np.eye(2, dtype=np.float32), searchable(made, NumpyIndex), VotePolicy(neighbours=4))
    assert found.voted.tolist() == [[0, 1, -1, -1], [1, 0, -1, -1]]
    assert np.isneginf(found.cosines[:, 2:]).all()


def test_no_tickets_no_evidence() -> None:
    found = gather(np.empty((0, 16), dtype=np.float32), searchable(_learned(), NumpyIndex), VotePolicy())
    assert found.probability.shape == (0, 3)
    assert len(found.scope) == len(found.nearest) == 0


def test_a_head_of_zeros_is_no_head() -> None:
    """Its answers say nothing for anybody: what is left decides."""
    made = _learned()
    assert made.head is not None
    zeros = Head(np.zeros_like(made.head.weights), made.head.power)
    query = settle(unit_rows(5, 16, seed=9))
    silent = gather(query, searchable(replace(made, head=zeros), NumpyIndex), VotePolicy()).probability
    none = gather(query, searchable(replace(made, head=None), NumpyIndex), VotePolicy()).probability
    assert np.array_equal(silent, none)
