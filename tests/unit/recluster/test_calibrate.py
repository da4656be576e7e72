"""Calibrate: what a generation says of its own exemplars when they are held back, and what follows from it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest

from models.engines.vector_index import ExactIndex
from models.generation import Generation, Thresholds
from models.learn.confidence import NEVER, Calibration, ConfidencePolicy
from models.learn.head import HeadPolicy, can_learn, fit_head
from models.recluster.calibrate import calibrated
from models.recluster.cluster import centroids_of
from models.vote import IndexBuilder, Vectors, VotePolicy, parties, settle
from tests.fakes.generations import blobs, generation, unit, unit_rows
from tests.fakes.vector_index import NumpyIndex

_DIM = 16


@dataclass(frozen=True, slots=True)
class _Policies:
    head: HeadPolicy = field(default_factory=HeadPolicy)
    vote: VotePolicy = field(default_factory=VotePolicy)
    confidence: ConfidencePolicy = field(default_factory=ConfidencePolicy)


_EVERY_TICKET = _Policies(confidence=ConfidencePolicy(floor_quantile=0.0))


def _calibrated(
    vectors: Vectors,
    labels: Sequence[int],
    owners: Sequence[str | None] | None = None,
    policy: _Policies | None = None,
    dense: Vectors | None = None,
    build: IndexBuilder = NumpyIndex,
) -> tuple[Generation, Calibration]:
    """Exemplars of clusters `labels`, each an owner's of its own unless they are given."""
    policies, rows, settled = policy or _Policies(), np.array(labels), settle(vectors)
    names = owners or [f"owner {row}" for row in range(max(labels) + 1)]
    made = generation(names, centroids_of(settled, rows), list(zip(labels, settled, strict=True)))
    party = parties([*names])[rows]
    if can_learn(party, policies.head):
        made = replace(made, head=fit_head(settled, party, int(party.max()) + 1, policies.head))
    return calibrated(made, settled if dense is None else settle(dense), build, policies)


def _around(count: int, each: int, spread: float = 0.2, seed: int = 0) -> tuple[Vectors, list[int]]:
    """Tickets around so many axes: at .2 two of one problem have a cosine of .6, which is no copy."""
    vectors, labels = blobs(np.eye(_DIM, dtype=np.float32)[:count], each, spread, seed)
    return vectors, labels.tolist()


def test_owners_that_are_apart_are_nearly_always_routed() -> None:
    made, found = _calibrated(*_around(5, each=40))
    assert (found.accuracy, found.precision, found.reachable) == (1.0, 1.0, True)
    assert found.coverage > 0.95
    assert made.confidence == found.confidence
    assert (made.thresholds.scope, made.thresholds.route_at) == (found.scope, found.route_at)
    assert made.reference == found.reference


@pytest.mark.parametrize("teams", [2, 3])
def test_a_few_teams_of_many_problems_are_routed_too(teams: int) -> None:
    """A problem that nobody has seen is one that no cluster is of, not one of a team that nobody has heard of: of two
    teams, the other one would always be sure of it."""
    owners = [f"team {row % teams}" for row in range(12)]
    _, found = _calibrated(*_around(12, each=25), owners=owners)
    assert found.reachable
    assert found.coverage > 0.8
    assert found.precision > 0.98


def test_owners_that_cannot_be_told_apart_are_never_routed() -> None:
    vectors, _ = _around(1, each=150)
    labels = np.random.default_rng(2).integers(0, 3, 150).tolist()
    made, found = _calibrated(vectors, labels)
    assert (made.thresholds.route_at, found.reachable, found.coverage) == (NEVER, False, 0.0)


def test_a_confidence_is_found_between_the_clear_and_the_doubtful() -> None:
    clear, owners = _around(4, each=80)
    doubtful = blobs(np.eye(_DIM, dtype=np.float32)[5:6], 80, 0.2, seed=4)[0]
    guesses = np.random.default_rng(5).integers(0, 4, 80).tolist()
    made, found = _calibrated(np.concatenate([clear, doubtful]), [*owners, *guesses])
    assert 0.5 <= made.thresholds.route_at < 1.0
    assert found.precision >= 0.95
    assert 0.7 < found.coverage < 0.9


def test_a_ticket_has_no_say_over_itself_or_its_copies() -> None:
    """Pairs of copies with an owner each, far from all else: with a say, every one would be right."""
    vectors = np.repeat(np.eye(_DIM, dtype=np.float32), 2, axis=0)
    _, found = _calibrated(vectors, np.repeat(np.arange(_DIM), 2).tolist())
    assert found.accuracy < 0.2
    assert not found.reachable


@pytest.mark.parametrize("learns", [True, False], ids=["with a head", "too few for a head"])
def test_a_cluster_of_one_ticket_does_not_vouch_for_it(learns: bool) -> None:
    policy = _Policies(head=HeadPolicy(smallest=2 if learns else 99))
    _, found = _calibrated(np.eye(_DIM, dtype=np.float32), list(range(_DIM)), policy=policy)
    assert found.accuracy < 0.1
    assert not found.reachable


@pytest.mark.parametrize(("each", "routes"), [(4, False), (12, True)], ids=["16 tickets", "48"])
def test_a_handful_of_right_answers_proves_nothing(each: int, routes: bool) -> None:
    _, found = _calibrated(*_around(4, each, spread=0.12, seed=6), policy=_EVERY_TICKET)
    assert found.accuracy == 1.0
    assert found.reachable is routes


def test_a_single_ticket_gives_thresholds_that_propose() -> None:
    made, found = _calibrated(np.eye(_DIM, dtype=np.float32)[:1], [0])
    assert made.thresholds == Thresholds(scope=0.0, route_at=NEVER, owners=(), similar=0.0, reach=0.9)
    assert found.coverage == 0.0


def test_what_scope_holds_back_is_not_routed_and_no_mistake_of_routing() -> None:
    policy = _Policies(confidence=ConfidencePolicy(floor_quantile=0.5))
    _, found = _calibrated(*_around(5, each=40), policy=policy)
    assert found.reachable
    assert found.coverage == pytest.approx(0.5, abs=0.03)
    assert found.precision == 1.0


def test_clusters_without_owner_are_calibrated_as_if_each_were_one_s() -> None:
    vectors, labels = _around(5, each=40)
    nobody, found = _calibrated(vectors, labels, owners=[None] * 5)
    assert found.reachable
    assert nobody.thresholds == _calibrated(vectors, labels)[0].thresholds


def test_an_owner_alone_is_right_with_whatever_is_like_his_tickets() -> None:
    made, found = _calibrated(*_around(3, each=20), owners=["a", "a", "a"])
    assert (found.accuracy, found.reachable) == (1.0, True)
    assert found.coverage > 0.95
    assert made.thresholds.reach == HeadPolicy().copies_at


def test_a_ticket_is_worth_showing_where_it_is_as_near_as_one_in_a_hundred_past_ones_hardly_is() -> None:
    """By the encoder's own vectors, copies left out: each of these has its nearest at a known angle, and a copy."""
    angles = np.radians(
        np.append(np.arange(0, 100, 10), [100, 130])
    )  # ten degrees apart, the last one thirty
    apart = np.stack([unit(np.cos(angle), np.sin(angle)) for angle in angles])
    dense = np.repeat(apart, 2, axis=0)
    hybrid = np.repeat(unit_rows(len(apart), _DIM, seed=1), 2, axis=0)
    made, _ = _calibrated(hybrid, [0, 1] * len(apart), dense=dense, policy=_EVERY_TICKET)
    assert made.thresholds.similar == pytest.approx(np.cos(np.radians(30)), abs=0.01)


def test_a_correction_reaches_as_far_as_tickets_of_another_problem_mostly_do_not() -> None:
    """Two problems at 45 degrees of each other, hardly spread: nearly all of that is their cosine."""
    axis = np.eye(_DIM, dtype=np.float32)
    vectors, labels = blobs(np.stack([axis[0], unit(1, 1, *[0] * 14)]), 30, 0.05, seed=2)
    made, _ = _calibrated(vectors, labels.tolist())
    assert made.thresholds.reach == pytest.approx(np.cos(np.radians(45)), abs=0.08)


def test_copies_of_a_corrected_ticket_are_always_within_reach() -> None:
    """Owners whose tickets are nearly the same text: the median to the next problem is above that of copies."""
    vectors, labels = blobs(np.repeat(np.eye(_DIM, dtype=np.float32)[:6], 2, axis=0), 10, 0.01, seed=3)
    made, _ = _calibrated(vectors, labels.tolist())
    assert made.thresholds.reach == HeadPolicy().copies_at


def test_of_a_long_history_a_part_is_held_back() -> None:
    vectors, labels = _around(5, each=40)
    _, all_of_it = _calibrated(vectors, labels)
    _, a_part = _calibrated(vectors, labels, policy=_Policies(head=HeadPolicy(held_back=60)))
    assert a_part.reachable
    assert a_part.accuracy == all_of_it.accuracy == 1.0
    assert a_part.reference != all_of_it.reference


def test_no_figure_hangs_on_the_engine() -> None:
    vectors, labels = _around(5, each=20, spread=0.3)
    assert (
        _calibrated(vectors, labels)[0].thresholds
        == _calibrated(vectors, labels, build=ExactIndex)[0].thresholds
    )
