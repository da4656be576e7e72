"""Learning the confidence: where routing may begin, worked by hand, and what is fitted on tickets held back."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.evidence import confidence_of, scope_of, weigh
from models.exact import Floats
from models.learn.confidence import NEVER, Asked, Calibration, ConfidencePolicy, calibrate, route_from
from models.vote import Rows

_POLICY = ConfidencePolicy()

# -- where routing begins


def _route_from(
    right: list[int],
    confidence: list[float] | None = None,
    weight: list[float] | None = None,
    error: float = 0.05,
) -> float:
    """Of tickets (1 right, 0 wrong) of falling confidence, from .99 down by hundredths unless it is given."""
    given_at = confidence or [0.99 - 0.01 * place for place in range(len(right))]
    return route_from(
        np.array(given_at), np.array(right, dtype=np.bool_), np.array(weight or [1.0] * len(right)), error
    )


@pytest.mark.parametrize(
    ("right", "error", "routed"),
    [
        pytest.param([], 0.05, 0, id="nothing seen"),
        pytest.param([1] * 18, 0.05, 0, id="18 of 18 prove nothing"),
        pytest.param([1] * 19, 0.05, 19, id="19 of 19 do"),
        pytest.param([1] * 9, 0.1, 9, id="9 of 9 at one in ten"),
        pytest.param([1] * 8, 0.1, 0, id="8 of 8 not"),
        pytest.param([1] * 37 + [0], 0.05, 37, id="37 and a mistake: above it"),
        pytest.param([1] * 38 + [0], 0.05, 39, id="38 pay for one mistake"),
        pytest.param([0] + [1] * 38, 0.05, 39, id="the surest one wrong"),
        pytest.param([0] + [1] * 37, 0.05, 0, id="the surest one wrong, not paid for"),
        pytest.param([1] * 20 + [0] * 5, 0.05, 20, id="all wrong below"),
        pytest.param([1] * 25 + [0] * 2 + [1] * 40, 0.05, 67, id="mistakes that later ones pay for"),
        pytest.param([1] * 25 + [0] * 3 + [1] * 30, 0.05, 25, id="mistakes that they do not"),
        pytest.param([0] * 40, 0.05, 0, id="all wrong"),
    ],
)
def test_how_many_may_be_routed(right: list[int], error: float, routed: int) -> None:
    found = _route_from(right, error=error)
    assert found == (pytest.approx(0.99 - 0.01 * (routed - 1)) if routed else NEVER)


@pytest.mark.parametrize(
    ("right", "confidence", "expected"),
    [
        pytest.param([1] * 19, [0.8] * 19, 0.8, id="all alike"),
        pytest.param([1] * 19 + [0], [0.8] * 20, NEVER, id="one of them wrong: all or none"),
        pytest.param([1] * 19 + [0], [0.8] * 19 + [0.7], 0.8, id="the wrong one lower"),
        pytest.param(
            [1] * 18 + [1, 0], [0.9] * 18 + [0.8] * 2, NEVER, id="the nineteenth beside a wrong one"
        ),
        pytest.param([0] + [1] * 38, [0.7] * 39, 0.7, id="alike and paid for"),
    ],
)
def test_equal_confidences_are_routed_together(
    right: list[int], confidence: list[float], expected: float
) -> None:
    assert _route_from(right, confidence) == expected
    assert _route_from(right[::-1], confidence[::-1]) == expected


@pytest.mark.parametrize(
    ("right", "weight", "routed"),
    [
        pytest.param([1] * 10, [2.0] * 10, 10, id="ten of two are twenty"),
        pytest.param([1] * 9, [2.0] * 9, 0, id="nine are eighteen"),
        pytest.param([1] * 20 + [0], [1.0] * 20 + [0.05], 21, id="a small mistake"),
        pytest.param([1] * 20 + [0], [1.0] * 20 + [0.06], 20, id="a little larger"),
        pytest.param([1] * 19 + [0] * 9, [1.0] * 19 + [0.0] * 9, 28, id="what weighs nothing costs nothing"),
    ],
)
def test_tickets_count_by_their_weight(right: list[int], weight: list[float], routed: int) -> None:
    found = _route_from(right, weight=weight)
    assert found == (pytest.approx(0.99 - 0.01 * (routed - 1)) if routed else NEVER)


@given(
    st.lists(
        st.tuples(st.sampled_from([0.2, 0.4, 0.6, 0.8]), st.booleans(), st.sampled_from([0.5, 1.0])),
        max_size=90,
    ),
    st.sampled_from([0.02, 0.05, 0.2, 0.5]),
)
def test_it_is_the_lowest_cut_that_holds(tickets: list[tuple[float, bool, float]], error: float) -> None:
    """Wrong ones weigh at most their share of the routed, one more wrong one of weight 1 among them."""
    confidence, right, weight = (
        (np.array(column) for column in zip(*tickets, strict=True))
        if tickets
        else (np.empty(0), np.empty(0, dtype=np.bool_), np.empty(0))
    )
    found = route_from(confidence, right, weight, error)

    def holds(at: float) -> bool:
        routed = confidence >= at
        return (
            float(weight[routed & ~right].sum()) + 1.0 <= error * (float(weight[routed].sum()) + 1.0) + 1e-9
        )

    cuts = [at for at in (0.2, 0.4, 0.6, 0.8) if (confidence == at).any()]
    assert found == min((at for at in cuts if holds(at)), default=NEVER)


# -- what is fitted


def _asked(truth: Rows, parties: int, seed: int, known: bool = True, noise: float = 0.25) -> Asked:
    """Four kinds of evidence that all see the truth through noise; of a problem that nobody knows, only noise."""
    chance = np.random.default_rng(seed)
    hint = np.eye(parties)[truth] if known else np.zeros((len(truth), parties))

    def seen(scale: float) -> Floats:
        return hint * scale + chance.normal(scale=noise * scale, size=hint.shape)

    votes = np.clip(seen(1.0), 0.01, None)
    return Asked(
        answers=seen(1.0),
        linear=seen(4.0),
        votes=votes / votes.sum(axis=1, keepdims=True),
        centroids=seen(0.3) + 0.4,
        strength=np.clip(chance.normal(0.9 if known else 0.4, 0.2, len(truth)), 0.0, None),
        nearest=np.clip(chance.normal(0.8 if known else 0.6, 0.1, len(truth)), 0.0, 1.0),
    )


def _calibrated(
    count: int = 600,
    parties: int = 5,
    seed: int = 0,
    noise: float = 0.25,
    policy: ConfidencePolicy = _POLICY,
    has_head: bool = True,
) -> tuple[Calibration, Asked, Rows]:
    truth = np.random.default_rng(seed + 100).integers(0, parties, count)
    alone = _asked(truth, parties, seed, noise=noise)
    unknown = _asked(truth, parties, seed + 1, known=False, noise=noise) if parties > 1 else None
    return calibrate(alone, unknown, truth, policy, has_head=has_head), alone, truth


def _sure(found: Calibration, asked: Asked) -> tuple[Floats, Rows]:
    confidence = found.confidence
    share = weigh(asked.answers, asked.linear, asked.votes, asked.centroids, confidence)
    return confidence_of(share.max(axis=1), confidence), share.argmax(axis=1)


def _routed(found: Calibration, asked: Asked) -> NDArray[np.bool_]:
    """By the thresholds as a decision holds a ticket against them, its confidence rounded."""
    sure, leader = _sure(found, asked)
    needed = np.array([dict(found.owners).get(party, found.route_at) for party in leader.tolist()])
    known = scope_of(asked.strength, asked.nearest, found.confidence) >= found.scope
    routed: NDArray[np.bool_] = known & (np.round(sure, 6) >= needed)
    return routed


def test_evidence_that_tells_owners_apart_routes_nearly_all() -> None:
    found, alone, truth = _calibrated()
    _, leader = _sure(found, alone)
    assert found.accuracy == (leader == truth).mean() > 0.99
    assert found.reachable
    assert found.coverage > 0.95
    assert found.precision > 0.99


def test_evidence_that_does_not_never_routes() -> None:
    found, _, _ = _calibrated(noise=20.0)
    assert (found.route_at, found.reachable, found.coverage, found.precision) == (NEVER, False, 0.0, 0.0)
    assert found.owners == ()


@pytest.mark.parametrize("noise", [0.3, 0.8, 1.5])
def test_what_would_have_been_routed_keeps_the_promise(noise: float) -> None:
    """Of tickets seen and the share that is nobody's; who is unlike the history is not routed, and costs nothing."""
    found, alone, truth = _calibrated(count=2_000, noise=noise)
    unknown = _asked(truth, 5, 1, known=False, noise=noise)
    _, leader = _sure(found, alone)
    routed, strangers = _routed(found, alone), _routed(found, unknown)
    weight = _POLICY.unknown_share / (1 - _POLICY.unknown_share)
    wrong = (routed & (leader != truth)).sum() + strangers.sum() * weight
    assert wrong <= _POLICY.target_error * (routed.sum() + strangers.sum() * weight)
    assert found.reachable is bool(routed.any())
    assert found.coverage == pytest.approx(routed.mean())
    assert found.precision == (pytest.approx((leader == truth)[routed].mean()) if routed.any() else 0.0)


def test_what_is_unlike_the_history_does_not_keep_others_from_being_routed() -> None:
    """A third of the tickets are unlike it, and all of those wrong; the others are all right."""
    truth = np.random.default_rng(100).integers(0, 5, 900)
    unknown = _asked(truth, 5, 1, known=False)
    lost = np.arange(900) % 3 == 0
    alone = _asked(np.where(lost, (truth + 1) % 5, truth), 5, 0)
    far = np.where(lost, 0.01, 0.9)
    found = calibrate(replace(alone, strength=far, nearest=far), unknown, truth, _POLICY, has_head=True)
    assert found.accuracy == pytest.approx(2 / 3, abs=0.01)
    assert found.coverage > 0.6
    assert found.precision > 0.99


@pytest.mark.parametrize("noise", [0.3, 0.8])
def test_confidence_is_right_on_the_whole_and_in_each_half(noise: float) -> None:
    """Tickets weigh as calibration says: most of known problems, a set share of one that is nobody's."""
    found, alone, truth = _calibrated(count=3_000, noise=noise)
    unknown = _asked(truth, 5, 1, known=False, noise=noise)
    (sure, leader), (stranger, _) = _sure(found, alone), _sure(found, unknown)
    every = np.append(sure, stranger)
    right = np.append(leader == truth, np.zeros(len(truth)))
    weight = np.repeat([1.0, _POLICY.unknown_share / (1 - _POLICY.unknown_share)], len(truth))
    middle = np.median(every)
    for part in (np.ones(len(every), dtype=np.bool_), every >= middle, every < middle):
        said = np.average(every[part], weights=weight[part])
        assert said == pytest.approx(np.average(right[part], weights=weight[part]), abs=0.04)


@pytest.mark.parametrize("kind", ["answers", "linear", "votes", "centroids"])
def test_no_evidence_counts_against_what_it_says(kind: str) -> None:
    """Even where, on this history, it is right when it is turned round."""
    truth = np.random.default_rng(100).integers(0, 5, 600)
    alone, unknown = _asked(truth, 5, 0), _asked(truth, 5, 1, known=False)
    turned = replace(alone, **{kind: -getattr(alone, kind)})
    found = calibrate(turned, unknown, truth, _POLICY, has_head=True).confidence
    weights = {
        "answers": found.head,
        "linear": found.linear,
        "votes": found.vote,
        "centroids": found.centroid,
    }
    assert weights[kind] == 0.0
    assert min(weights.values()) >= 0.0
    assert max(weights.values()) > 0.0
    assert found.slope > 0.0
    assert min(found.strength, found.nearest) >= 0.0


def test_without_a_head_its_evidence_has_no_weight() -> None:
    found = _calibrated(has_head=False)[0].confidence
    assert (found.head, found.linear) == (0.0, 0.0)
    assert found.vote > 0.0


def test_scope_tells_tickets_from_those_of_problems_never_seen() -> None:
    found, alone, truth = _calibrated()
    unknown = _asked(truth, 5, 1, known=False)
    seen = scope_of(alone.strength, alone.nearest, found.confidence)
    never = scope_of(unknown.strength, unknown.nearest, found.confidence)
    assert (seen[:, None] > never[None, :]).mean() > 0.95
    for alike in (alone.strength[:, None] > unknown.strength, alone.nearest[:, None] > unknown.nearest):
        assert (seen[:, None] > never[None, :]).mean() >= alike.mean()


@pytest.mark.parametrize("share", [0.0, 0.01, 0.25])
def test_of_the_tickets_answered_rightly_so_many_may_be_called_unlike_the_history(share: float) -> None:
    found, alone, truth = _calibrated(policy=replace(_POLICY, floor_quantile=share))
    _, leader = _sure(found, alone)
    scope = scope_of(alone.strength, alone.nearest, found.confidence)[leader == truth]
    assert (scope < found.scope - 1e-6).mean() == pytest.approx(share, abs=1 / len(scope))


def test_an_owner_who_is_named_wrongly_too_often_asks_for_more() -> None:
    """One in six tickets of the last owner looks like one of the first's."""
    truth = np.random.default_rng(100).integers(0, 4, 3_000)
    looks = np.where((truth == 3) & (np.arange(3_000) % 6 == 0), 0, truth)
    unknown = _asked(truth, 4, 1, known=False, noise=0.4)
    plain = calibrate(_asked(truth, 4, 0, noise=0.4), unknown, truth, _POLICY, has_head=True)
    mixed = calibrate(_asked(looks, 4, 0, noise=0.4), unknown, truth, _POLICY, has_head=True)
    assert plain.owners == ()
    assert [party for party, _ in mixed.owners] == [0]
    assert mixed.owners[0][1] > mixed.route_at
    policy = replace(_POLICY, owner_tickets=9_999)
    assert calibrate(_asked(looks, 4, 0, noise=0.4), unknown, truth, policy, has_head=True).owners == ()


@pytest.mark.parametrize(("count", "routes"), [(18, False), (19, True), (400, True)])
def test_of_one_owner_alone_everything_is_his_once_there_is_history_enough(count: int, routes: bool) -> None:
    policy = replace(_POLICY, floor_quantile=0.0)
    found, _, _ = _calibrated(count=count, parties=1, policy=policy)
    assert (found.accuracy, found.reachable, found.coverage) == (1.0, routes, float(routes))


def test_where_only_the_surest_hold_they_are_routed_though_their_confidence_is_rounded() -> None:
    """All known tickets are alike to the last bit, so that one cut is left: it must not lie a rounding above them."""
    truth = np.arange(300) % 3
    alone = replace(
        _asked(truth, 3, 0),
        **{name: np.eye(3)[truth] for name in ("answers", "linear", "votes", "centroids")},
        strength=np.full(300, 0.9),
        nearest=np.full(300, 0.8),
    )
    for seed in range(1, 9):
        unknown = _asked(truth, 3, seed, known=False)
        found = calibrate(alone, unknown, truth, _POLICY, has_head=True)
        assert found.reachable
        assert _routed(found, alone).all()


def test_a_ticket_that_more_likely_goes_wrong_than_right_is_for_a_person() -> None:
    assert _calibrated(policy=replace(_POLICY, target_error=0.9))[0].route_at == 0.5
    assert _calibrated(policy=replace(_POLICY, target_error=0.9, least=0.7))[0].route_at == 0.7


def test_what_is_kept_for_drift_are_deciles() -> None:
    found, alone, _ = _calibrated()
    named = dict(found.reference)
    assert set(named) == {"confidence", "nearest", "strength"}
    for name, values in (("nearest", alone.nearest), ("strength", alone.strength)):
        np.testing.assert_allclose(named[name], np.quantile(values, np.linspace(0, 1, 11)), atol=1e-6)
    assert all(list(deciles) == sorted(deciles) and len(deciles) == 11 for deciles in named.values())


@pytest.mark.parametrize(("count", "parties"), [(1, 1), (1, 2), (2, 2), (3, 3)])
def test_a_handful_of_tickets_never_routes(count: int, parties: int) -> None:
    found, _, _ = _calibrated(count=count, parties=parties)
    assert (found.route_at, found.coverage) == (NEVER, 0.0)


def test_the_same_tickets_give_the_same_calibration() -> None:
    assert _calibrated()[0] == _calibrated()[0]
