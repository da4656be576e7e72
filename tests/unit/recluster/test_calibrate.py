"""Thresholds: what they promise on the history they were fitted on."""

from dataclasses import replace

import numpy as np
import pytest

from models.recluster.calibrate import NEVER, Calibration, CalibrationPolicy, calibrate, wilson_lower
from models.vote import Vectors, VotePolicy, searchable
from tests.fakes.generations import blobs, generation
from tests.fakes.vector_index import NumpyIndex


def _calibrate(
    vectors: Vectors, labels: list[int], texts: list[str], policy: CalibrationPolicy | None = None
) -> Calibration:
    owners = [f"owner {label}" for label in range(max(labels) + 1)]
    centroids = np.stack([vectors[np.array(labels) == label].mean(axis=0) for label in range(len(owners))])
    made = generation(owners, centroids, list(zip(labels, vectors, strict=True)))
    ready = searchable(made, NumpyIndex)
    return calibrate(
        vectors,
        np.array(labels),
        texts,
        texts,
        ready,
        VotePolicy(neighbours=5),
        policy or CalibrationPolicy(),
    )


def _numbered(count: int) -> list[str]:
    return [str(row) for row in range(count)]


def test_owners_that_are_apart_are_always_routed() -> None:
    vectors, truth = blobs(np.eye(3, dtype=np.float32), each=30, spread=0.05, seed=0)
    found = _calibrate(vectors, truth.tolist(), _numbered(90))
    assert (found.accuracy, found.precision, found.reachable) == (1.0, 1.0, True)
    assert found.coverage == pytest.approx(1.0, abs=0.03)
    assert 0.9 < found.thresholds.floor < 1.0


def test_owners_that_cannot_be_told_apart_are_never_routed() -> None:
    vectors, _ = blobs(np.eye(2, dtype=np.float32)[:1], each=120, spread=0.05, seed=1)
    labels = np.random.default_rng(2).integers(0, 2, 120).tolist()
    found = _calibrate(vectors, labels, _numbered(120))
    assert (found.thresholds.route_at, found.reachable, found.coverage) == (NEVER, False, 0.0)


def test_a_share_is_found_between_the_clear_and_the_doubtful() -> None:
    clear, truth = blobs(np.eye(3, dtype=np.float32)[:2], each=100, spread=0.02, seed=3)
    doubtful, _ = blobs(np.eye(3, dtype=np.float32)[2:], each=60, spread=0.02, seed=4)
    guesses = np.random.default_rng(5).integers(0, 2, 60)
    found = _calibrate(
        np.concatenate([clear, doubtful]),
        [*truth.tolist(), *guesses.tolist()],
        _numbered(260),
        CalibrationPolicy(floor_quantile=0.0),
    )
    assert 0.6 < found.thresholds.route_at <= 1.0
    assert found.precision >= 0.95
    assert 0.7 < found.coverage < 0.95


def test_a_ticket_has_no_say_over_itself_or_its_copies() -> None:
    """Pairs of copies with an owner each, far from all else: with a say, every vote would be right."""
    vectors = np.repeat(np.eye(8, dtype=np.float32), 2, axis=0)
    found = _calibrate(vectors, np.repeat(np.arange(8), 2).tolist(), np.repeat(_numbered(8), 2).tolist())
    assert found.accuracy < 0.2
    assert not found.reachable


def test_what_the_floor_holds_back_does_not_raise_the_share() -> None:
    """All are right and agree; a floor over half of them must not count them as mistakes of routing."""
    vectors, truth = blobs(np.eye(3, dtype=np.float32), each=40, spread=0.2, seed=8)
    found = _calibrate(vectors, truth.tolist(), _numbered(120), CalibrationPolicy(floor_quantile=0.5))
    assert found.reachable
    assert found.coverage == pytest.approx(0.5, abs=0.02)
    assert found.precision == 1.0


@pytest.mark.parametrize(("each", "routes"), [(9, False), (10, True)], ids=["18 of 18", "20 of 20"])
def test_a_handful_of_right_answers_proves_nothing(each: int, routes: bool) -> None:
    vectors, truth = blobs(np.eye(2, dtype=np.float32), each=each, spread=0.02, seed=6)
    policy = CalibrationPolicy(floor_quantile=0.0)
    found = _calibrate(vectors, truth.tolist(), _numbered(2 * each), policy)
    assert found.accuracy == 1.0
    assert found.reachable is routes


def test_a_single_ticket_gives_thresholds_that_propose() -> None:
    found = _calibrate(np.eye(2, dtype=np.float32)[:1], [0], ["a"])
    assert found.thresholds.floor == 0.0
    assert found.thresholds.route_at == NEVER


def test_the_floor_is_the_quantile_of_what_was_voted_rightly() -> None:
    vectors, truth = blobs(np.eye(3, dtype=np.float32), each=40, spread=0.2, seed=7)
    low, high = (
        _calibrate(
            vectors, truth.tolist(), _numbered(120), replace(CalibrationPolicy(), floor_quantile=share)
        )
        for share in (0.01, 0.5)
    )
    assert low.thresholds.floor < high.thresholds.floor
    assert high.coverage < low.coverage


@pytest.mark.parametrize(
    ("successes", "trials", "errors", "lower"),
    [
        (19, 19, 1.0, 0.95),
        (8, 10, 1.96, 0.4902),
        (0, 10, 1.96, 0.0),
    ],  # 8 of 10: [.490, .943], Newcombe 1998's method 3
)
def test_wilsons_bound(successes: int, trials: int, errors: float, lower: float) -> None:
    found = wilson_lower(np.array([successes]), np.array([trials]), errors)[0]
    assert found == pytest.approx(lower, abs=1e-4)
