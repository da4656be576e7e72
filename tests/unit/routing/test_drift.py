"""Drift: parts of a history, the index worked out by hand, and what counts of a stream."""

from dataclasses import replace
from math import log

import numpy as np
import pytest

from models.generation import Cluster, Confidence
from models.routing.drift import (
    DriftPolicy,
    least_window,
    parts_of,
    stability_index,
    yardstick,
    yardsticks,
)
from models.routing.match import Candidate, Match
from tests.fakes.generations import generation

TENTHS = tuple(number / 10 for number in range(11))
CONFIDENCE = Confidence(head=1, vote=1, centroid=1, slope=1, bias=0, strength=2.0, nearest=4.0)
GENERATION = replace(
    generation(["billing"], np.eye(1, dtype=np.float32), []),
    confidence=CONFIDENCE,
    reference=(("confidence", TENTHS), ("nearest", (*TENTHS[:-1], 0.95)), ("strength", TENTHS)),
)


def found(confidence: float = 0.5, nearest: float = 0.5, strength: float = 0.5) -> Match:
    """A match of these three measures."""
    candidate = Candidate(Cluster("c-0", "refund", "billing", 9), "billing", 0.7, confidence, 1.0)
    return Match((candidate,), nearest, 0.3, strength * 2.0 + nearest * 4.0, taught=False)


# -- the history


@pytest.mark.parametrize(
    ("deciles", "ends", "shares"),
    [
        pytest.param(TENTHS, TENTHS[1:-1], [0.1] * 10, id="all different"),
        pytest.param(
            (0, 1, 2, 3, 4, 5, 5, 5, 8, 9, 10),
            (1, 2, 3, 4, 5, 8, 9),
            [0.1] * 4 + [0.3] + [0.1] * 3,
            id="many on one value",
        ),
        pytest.param((0, 1, 2, 3, 9, 9, 9, 9, 9, 9, 9), (1, 2, 3), [0.1] * 3 + [0.7], id="many on the last"),
        pytest.param((0, 0, 0, *range(3, 11)), (0, *range(3, 10)), [0.2] + [0.1] * 8, id="many on the first"),
        pytest.param((1,) * 11, (), [1.0], id="one value"),
    ],
)  # fmt: skip
def test_a_history_in_parts(deciles: tuple[float, ...], ends: tuple[float, ...], shares: list[float]) -> None:
    cut = yardstick("nearest", deciles)
    assert cut.ends.tolist() == list(ends)
    np.testing.assert_allclose(cut.shares, shares)


def test_only_what_a_decision_has_is_measured() -> None:
    assert [stick.name for stick in yardsticks(GENERATION)] == ["confidence", "nearest", "strength"]
    other = replace(GENERATION, reference=(*GENERATION.reference, ("length", TENTHS)))
    assert [stick.name for stick in yardsticks(other)] == ["confidence", "nearest", "strength"]
    without = replace(GENERATION, confidence=replace(CONFIDENCE, strength=0.0))
    assert [stick.name for stick in yardsticks(without)] == ["confidence", "nearest"]
    assert yardsticks(replace(GENERATION, reference=())) == ()


# -- the stream


@pytest.mark.parametrize(
    ("match", "parts"),
    [
        pytest.param(found(0.0, 0.0, 0.0), [0, 0, 0], id="the least"),
        pytest.param(found(0.1, 0.2, 0.3), [0, 1, 2], id="the end of a part is its own"),
        pytest.param(found(0.11, 0.21, 0.31), [1, 2, 3], id="beyond it the next"),
        pytest.param(found(1.0, 0.95, 1.0), [9, 9, 9], id="the most"),
        pytest.param(found(-1.0, -0.3, 7.0), [0, 0, 9], id="outside of the history"),
    ],
)
def test_the_part_that_a_ticket_falls_into(match: Match, parts: list[int]) -> None:
    assert parts_of([match], GENERATION, yardsticks(GENERATION)).tolist() == [parts]


def test_a_copy_of_the_history_is_left_out_and_the_others_keep_their_order() -> None:
    stream = [found(nearest=0.15), found(nearest=0.96), found(nearest=0.95), found(nearest=1.0)]
    assert parts_of(stream, GENERATION, yardsticks(GENERATION))[:, 1].tolist() == [1, 9]
    assert parts_of([], GENERATION, yardsticks(GENERATION)).shape == (0, 3)
    bare = replace(GENERATION, reference=(("confidence", TENTHS),))
    assert len(parts_of(stream, bare, yardsticks(bare))) == 4


# -- the index


def test_the_index_of_two_parts() -> None:
    """Half a ticket is added to each part: 30.5 of 101 and 70.5 of 101 against a half each."""
    now, then = (30.5 / 101, 70.5 / 101), 0.5
    by_hand = sum((share - then) * log(share / then) for share in now)
    assert stability_index(np.array([30, 70]), np.array([0.5, 0.5])) == pytest.approx(by_hand)


def test_an_empty_part_is_far_away_and_not_infinitely() -> None:
    index = stability_index(np.array([0, 1000]), np.array([0.5, 0.5]))
    assert 3 < index < 4


def test_one_part_never_drifts() -> None:
    assert stability_index(np.array([700]), np.array([1.0])) == pytest.approx(0)


@pytest.mark.parametrize(
    ("history", "least"),
    [
        pytest.param(100_000, 500, id="large"),
        pytest.param(300, 500, id="small"),
        pytest.param(200, 739, id="smaller"),
        pytest.param(187, 993, id="as small as can be"),
        pytest.param(186, None, id="too small"),
        pytest.param(0, None, id="none"),
    ],
)
def test_how_many_tickets_say_something(history: int, least: int | None) -> None:
    assert least_window(history, DriftPolicy()) == least


# -- chance and change, drawn with a seed


def windows(of: int, shift: float, seed: int) -> list[float]:
    """Indexes of 200 windows of `of` values around `shift`, against a history around 0 of 5,000."""
    chance = np.random.default_rng(seed)
    cut = yardstick("nearest", tuple(np.quantile(chance.normal(size=5_000), np.linspace(0, 1, 11))))
    drawn = (np.searchsorted(cut.ends, chance.normal(shift, size=of)) for _ in range(200))
    return [stability_index(np.bincount(parts, minlength=10), cut.shares) for parts in drawn]


@pytest.mark.parametrize("of", [500, 1_000])
def test_nothing_has_changed_and_no_window_says_so(of: int) -> None:
    assert max(windows(of, 0.0, seed=1)) < DriftPolicy().calm_at


@pytest.mark.parametrize("of", [500, 1_000])
def test_much_has_changed_and_every_window_says_so(of: int) -> None:
    assert min(windows(of, 0.8, seed=2)) >= DriftPolicy().alarm_at


def test_a_window_of_the_same_varies_as_it_is_said_to() -> None:
    """(1/n + 1/m) times a chi-square of 9: its mean is 9, what half a ticket added changes is little."""
    mean = float(np.mean(windows(1_000, 0.0, seed=3)))
    assert mean == pytest.approx(9 * (1 / 1_000 + 1 / 5_000), rel=0.15)
