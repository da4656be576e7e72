"""Learning the head against plain solves in double precision, and what it says of tickets that it has not seen."""

from dataclasses import replace

import numpy as np
import pytest

from models.errors import BadGeneration
from models.evidence import HEAD_GRID, answer, kernel, log_odds
from models.exact import Floats
from models.generation import Lexicon
from models.learn.head import HeadPolicy, can_learn, copies, fit_head, held_back, sampled, tune_weight
from models.learn.lexicon import LexiconPolicy, fit_lexicon
from models.vote import Rows, Vectors, settle
from tests.fakes.generations import blobs, unit, unit_rows

_POLICY = HeadPolicy(power=3, ridge=0.05)


def _blobs(each: int = 10, spread: float = 0.3, seed: int = 0) -> tuple[Vectors, Rows]:
    """Thirty settled rows of three parties."""
    vectors, party = blobs(np.eye(8, dtype=np.float32)[:3], each, spread, seed)
    return settle(vectors), party


def _kernel(left: Vectors, right: Vectors, policy: HeadPolicy = _POLICY) -> Floats:
    products: Floats = left.astype(np.float64) @ right.astype(np.float64).T
    return kernel(products, policy.power)


def _solved(vectors: Vectors, party: Rows, parties: int, policy: HeadPolicy = _POLICY) -> Floats:
    matrix = _kernel(vectors, vectors, policy) + policy.ridge * np.eye(len(vectors))
    return np.linalg.solve(matrix, np.eye(parties)[party]).astype(np.float64)


def _left_out(vectors: Vectors, party: Rows, group: Rows, parties: int) -> Floats:
    """What a head that was really learned without each row's group says of it."""
    answers = np.zeros((len(vectors), parties))
    for row, own in enumerate(group):
        rest = np.flatnonzero(group != own)
        weights = _solved(vectors[rest], party[rest], parties)
        answers[row] = _kernel(vectors[[row]], vectors[rest])[0] @ weights
    return answers


# -- fitting


@pytest.mark.parametrize("power", [1, 3, 8])
@pytest.mark.parametrize("ridge", [0.01, 0.05, 1.0])
def test_the_head_is_the_plain_solution(power: int, ridge: float) -> None:
    (vectors, party), policy = _blobs(), HeadPolicy(power=power, ridge=ridge)
    head = fit_head(vectors, party, 3, policy)
    assert head.power == power
    expected = _solved(vectors, party, 3, policy)
    np.testing.assert_allclose(head.weights, expected, atol=1e-4 * np.abs(expected).max())


def test_its_weights_stand_on_the_grid_on_which_sums_are_exact() -> None:
    vectors, party = _blobs()
    head = fit_head(vectors, party, 5, _POLICY)
    assert head.linear is not None
    assert (head.weights.shape, head.linear.shape) == ((30, 5), (9, 5))
    for weights in (head.weights, head.linear):
        assert weights.dtype == np.float32
        assert np.array_equal(weights * HEAD_GRID, np.rint(weights * HEAD_GRID))


def test_a_party_without_a_ticket_is_never_meant() -> None:
    vectors, party = _blobs()
    head = fit_head(vectors, party * 2, 5, _POLICY)
    assert head.linear is not None
    assert not head.weights[:, [1, 3]].any()
    odds = log_odds(vectors, head.linear.astype(np.float64), 5)
    assert (odds[:, [1, 3]] < odds[:, [0, 2, 4]].min(axis=1, keepdims=True) - 10).all()


@pytest.mark.parametrize("parties", [2, 3])
def test_the_linear_part_is_where_the_penalised_likelihood_is_largest(parties: int) -> None:
    """Its gradient is nearly zero there: residuals against the vectors, plus `doubt` times the weights."""
    vectors, party = blobs(np.eye(8, dtype=np.float32)[:parties], 12, 0.4, seed=5)
    linear = fit_head(vectors, party, parties, _POLICY).linear
    assert linear is not None
    shares = np.exp(log_odds(vectors, linear.astype(np.float64), parties))
    residuals = shares / shares.sum(axis=1, keepdims=True) - np.eye(parties)[party]
    penalised = linear[:-1] * (
        1.0 if parties > 2 else 2.0
    )  # of two parties one is the mirror image of the other
    gradient = vectors.T @ residuals + _POLICY.doubt * penalised
    assert np.abs(gradient).max() < 0.02
    assert np.abs(residuals.sum(axis=0)).max() < 0.02
    assert np.abs(_POLICY.doubt * penalised).max() > 0.1


def test_without_a_linear_part_nothing_is_said_for_anybody() -> None:
    assert np.array_equal(log_odds(unit_rows(3, 8, 0), None, 2), np.zeros((3, 2)))


def test_it_answers_near_one_for_the_owner_and_fades_away_from_the_history() -> None:
    vectors, party = _blobs(spread=0.1)
    head = fit_head(vectors, party, 3, replace(_POLICY, power=8))
    asked = np.concatenate([np.eye(8, dtype=np.float32)[:3], -unit(1, 1, 1, 0, 0, 0, 0, 0)[None, :]])
    answers = answer(asked.astype(np.float64) @ vectors.T, head.weights.astype(np.float64), head.power)
    np.testing.assert_allclose(answers[:3], np.eye(3), atol=0.15)
    assert np.abs(answers[3]).max() < 0.05


def test_the_same_exemplars_give_the_same_head_to_the_bit() -> None:
    vectors, party = _blobs()
    one, other = (fit_head(vectors.copy(), party, 3, _POLICY) for _ in range(2))
    assert one.weights.tobytes() == other.weights.tobytes()
    assert one.linear is not None
    assert other.linear is not None
    assert one.linear.tobytes() == other.linear.tobytes()


def test_vectors_that_admit_no_solution_are_refused() -> None:
    vectors, party = _blobs()
    with pytest.raises(BadGeneration, match="cannot be learned"):
        fit_head(vectors, party, 3, replace(_POLICY, ridge=-10.0))


@pytest.mark.parametrize(
    ("party", "learns"),
    [
        pytest.param([0, 1] * 10, True, id="two owners, twenty tickets"),
        pytest.param([0, 1] * 9 + [0], False, id="nineteen"),
        pytest.param([0] * 40, False, id="one owner"),
        pytest.param([0, 3] * 10, True, id="two of four parties"),
        pytest.param(list(range(512)), True, id="as many as fit"),
        pytest.param(list(range(513)), False, id="more"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_when_there_is_something_to_learn(party: list[int], learns: bool) -> None:
    assert can_learn(np.array(party, dtype=np.int64), HeadPolicy()) is learns


# -- held back


@pytest.mark.parametrize(
    "group",
    [
        pytest.param(np.arange(30), id="each alone"),
        pytest.param(np.arange(30) // 3, id="threes"),
        pytest.param(np.r_[np.zeros(12, int), np.arange(1, 19)], id="twelve and single ones"),
        pytest.param(np.arange(30) % 4, id="across owners"),
        pytest.param(np.random.default_rng(2).integers(0, 12, 30), id="at random"),
    ],
)
def test_held_back_answers_are_those_of_a_head_that_never_saw_the_group(group: Rows) -> None:
    vectors, party = _blobs()
    found = held_back(vectors, party, group, party, 3, _POLICY)
    np.testing.assert_allclose(found.alone, _left_out(vectors, party, group, 3), atol=1e-4)
    np.testing.assert_allclose(found.unknown, _left_out(vectors, party, party, 3), atol=1e-4)


def test_a_party_that_nobody_has_seen_is_never_answered() -> None:
    vectors, party = _blobs()
    found = held_back(vectors, party, np.arange(30), party, 3, _POLICY)
    np.testing.assert_allclose(found.unknown[np.arange(30), party], 0.0, atol=1e-4)
    assert (found.alone.argmax(axis=1) == party).mean() > 0.9


def test_what_the_linear_part_says_of_a_group_does_not_hang_on_its_labels() -> None:
    vectors, party = _blobs()
    group = np.arange(30) // 3
    told = held_back(vectors, party, group, group[::-1], 3, _POLICY).linear
    assert (told.argmax(axis=1) == party).mean() > 0.9
    for own in (0, 4, 9):
        lied = np.where(group == own, (party + 1) % 3, party)
        again = held_back(vectors, lied, group, group[::-1], 3, _POLICY).linear
        assert np.array_equal(again[group == own], told[group == own])
        assert not np.array_equal(again, told)


def test_in_the_other_role_it_is_the_problem_that_it_has_not_seen() -> None:
    vectors, party = _blobs()
    alone, problem = np.arange(30), np.arange(30) // 5
    told = held_back(vectors, party, alone, problem, 3, _POLICY)
    swapped = held_back(vectors, party, problem, alone, 3, _POLICY)
    for ours, theirs in ((told.alone, swapped.unknown), (told.linear, swapped.unknown_linear)):
        assert np.array_equal(ours, theirs)
    for ours, theirs in ((told.unknown, swapped.alone), (told.unknown_linear, swapped.linear)):
        assert np.array_equal(ours, theirs)
    assert not np.allclose(told.alone, told.unknown)


def test_of_one_group_the_linear_part_can_say_nothing() -> None:
    vectors, party = _blobs()
    assert not held_back(vectors, party, np.zeros(30, dtype=np.int64), party, 3, _POLICY).linear.any()


@pytest.mark.parametrize(
    ("count", "most", "rows"),
    [
        pytest.param(4, 8, [0, 1, 2, 3], id="all, where they fit"),
        pytest.param(5, 5, [0, 1, 2, 3, 4], id="just"),
        pytest.param(9, 3, [0, 4, 8], id="evenly, ends too"),
        pytest.param(1, 1, [0], id="one"),
    ],
)
def test_a_sample_is_taken_evenly(count: int, most: int, rows: list[int]) -> None:
    assert sampled(count, most).tolist() == rows


# -- copies


def _at(degrees: float) -> Vectors:
    return unit(np.cos(np.radians(degrees)), np.sin(np.radians(degrees)))


@pytest.mark.parametrize(
    ("degrees", "groups"),
    [
        pytest.param([0, 90, 180], [0, 1, 2], id="far apart"),
        pytest.param([0, 10, 90], [0, 0, 1], id="a pair"),
        pytest.param([0, 30, 15, 90], [0, 0, 0, 1], id="linked by a third"),
        pytest.param([0, 90, 5, 95, 45], [0, 1, 0, 1, 2], id="two pairs"),
        pytest.param([0, 0, 0], [0, 0, 0], id="the same"),
    ],
)
def test_copies_stand_together_and_so_do_those_linked_by_others(
    degrees: list[float], groups: list[int]
) -> None:
    assert copies(np.stack([_at(angle) for angle in degrees]), 0.95).tolist() == groups


def test_links_reach_across_all_of_a_long_history() -> None:
    """More rows than are compared at a time: a chain of near ones is one group, its mirror image another."""
    half = np.stack([_at(angle) for angle in np.linspace(0, 80, 700)])
    found = copies(np.concatenate([half, -half])[::-1].copy(), 0.95)
    assert found.tolist() == [0] * 700 + [1] * 700


# -- the weight of words


def _words(seed: int = 0) -> tuple[Lexicon, list[str], Rows]:
    party = np.random.default_rng(seed).integers(0, 2, 120)
    texts = [f"{('refund', 'login')[own]} word{row}" for row, own in enumerate(party)]
    found = fit_lexicon(texts, LexiconPolicy(components=8), 0.5)
    assert found is not None
    return found, texts, party


def test_words_weigh_where_only_they_tell_labels_apart() -> None:
    lexicon, texts, party = _words()
    weight = tune_weight(lexicon, texts, unit_rows(120, 16, seed=1), party, HeadPolicy())
    assert weight == max(HeadPolicy().lexical_weights)


def test_words_weigh_nothing_where_the_encoder_tells_all() -> None:
    """Of equally right ones the smaller weight."""
    lexicon, texts, party = _words()
    centres = np.eye(16, dtype=np.float32)
    vectors = settle(centres[party] + np.random.default_rng(3).normal(scale=0.15, size=(120, 16)))
    policy = replace(HeadPolicy(), lexical_weights=(0.35, 0.0, 0.5))
    assert tune_weight(lexicon, texts, vectors, party, HeadPolicy()) == 0.0
    assert tune_weight(lexicon, texts, vectors, party, policy) == 0.35  # the first of them as they are listed


def test_the_weight_is_tuned_on_a_part_of_a_long_history() -> None:
    lexicon, texts, party = _words()
    part = sampled(120, 60)
    policy = replace(HeadPolicy(), tuned_on=60)
    vectors = unit_rows(120, 16, seed=1)
    of_part = tune_weight(lexicon, [texts[row] for row in part], vectors[part], party[part], policy)
    assert tune_weight(lexicon, texts, vectors, party, policy) == of_part
