"""What a description is worth, learned from tickets that stand in for descriptions."""

from dataclasses import replace

import numpy as np
import pytest

from models.generation import UNFITTED_DESCRIBING
from models.learn.confidence import NEVER, ConfidencePolicy
from models.learn.described import Nearness, StandIns, fit_describing, stand_ins

_CLUSTERS, _EACH = 24, 20


def _told(gap: float, seed: int = 0) -> tuple[StandIns, Nearness, Nearness]:
    """Tickets of 24 clusters, nearer to their own cluster's two stand-ins by so much on average."""
    chance = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(_CLUSTERS), _EACH)
    own = cluster[:, None] == np.repeat(np.arange(_CLUSTERS), 2)
    cosines = (0.3 + gap * own + chance.normal(scale=0.08, size=own.shape)).astype(np.float32)
    told = StandIns(cosines, np.full(own.shape[1], 0.5), own, np.ones(own.shape, dtype=np.bool_))

    def near(middle: float) -> Nearness:
        noise = chance.normal(scale=0.05, size=(2, len(cluster)))
        return Nearness(middle + noise[0], middle + noise[1])

    return told, near(0.8), near(0.5)


def test_nearer_is_likelier_and_what_the_history_knows_is_less() -> None:
    found = fit_describing(*_told(0.4), ConfidencePolicy())
    assert found.cosine > 0
    assert found.nearest < 0
    assert found.strength < 0
    assert 0.5 <= found.route_at < 1


def test_it_is_the_same_again() -> None:
    assert fit_describing(*_told(0.4), ConfidencePolicy()) == fit_describing(*_told(0.4), ConfidencePolicy())


def test_a_stricter_target_routes_later() -> None:
    told = _told(0.25)
    loose, strict = (fit_describing(*told, ConfidencePolicy(target_error=at)) for at in (0.3, 0.01))
    assert loose.route_at < strict.route_at


def test_what_cannot_be_told_apart_is_never_routed() -> None:
    told, alone, _ = _told(0.0)
    assert fit_describing(told, alone, alone, ConfidencePolicy()).route_at == NEVER


@pytest.mark.parametrize("clusters", [0, 1, 19], ids=["none", "one", "a few"])
def test_few_clusters_teach_nothing(clusters: int) -> None:
    told, alone, unknown = _told(0.4)
    some = slice(0, 2 * clusters)
    few = StandIns(told.cosines[:, some], told.level[some], told.own[:, some], told.asked[:, some])
    assert fit_describing(few, alone, unknown, ConfidencePolicy()) == UNFITTED_DESCRIBING


def test_pairs_that_say_nothing_count_for_nothing() -> None:
    told, alone, unknown = _told(0.4)
    turned, asked = told.cosines.copy(), told.asked.copy()
    turned[:, 0], asked[:, 0] = 1.0 - turned[:, 0], False
    one = fit_describing(replace(told, asked=asked), alone, unknown, ConfidencePolicy())
    other = fit_describing(replace(told, asked=asked, cosines=turned), alone, unknown, ConfidencePolicy())
    assert one == other


def test_two_of_each_cluster_with_three_or_more_stand_in() -> None:
    assert stand_ins(np.array([0, 1, 0, 2, 0, 2, 2, 2, 1])).tolist() == [0, 4, 3, 7]
    assert stand_ins(np.empty(0, dtype=np.int64)).tolist() == []
    assert len(stand_ins(np.repeat(np.arange(400), 3))) == 512
