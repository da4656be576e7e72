"""Duplicates: what a ticket is compared by, and what each kind of evidence does to the score."""

from dataclasses import replace

import numpy as np
import pytest

from models.routing.duplicates import (
    BUCKETS,
    COMMITTED,
    DAY_MS,
    LEAST_TICKETS,
    WEIGHTS,
    DuplicatePolicy,
    Sketch,
    backdrop_of,
    evidence,
    opening_of,
    overlaps,
    plain,
    promising,
    scores,
    sketch,
    stand_out,
    terms_of,
    vector_of,
)
from tests.fakes.generations import unit_rows

EVERY = np.ones(BUCKETS, dtype=np.float32)
BODY = "It began this morning. " * 10


@pytest.mark.parametrize(
    ("text", "opening"),
    [
        pytest.param("", "", id="nothing"),
        pytest.param("x" * 160, "x" * 160, id="short enough to be all opening"),
        pytest.param(
            "Camera does not open any more. " + BODY, "Camera does not open any more.", id="a sentence"
        ),
        pytest.param(
            "Hi team. Camera is black. " + BODY, "Hi team. Camera is black.", id="a greeting says nothing"
        ),
        pytest.param(
            "相机打不开了" * 4 + "。" + "今天早上开始的。" * 30, "相机打不开了" * 4 + "。", id="Chinese"
        ),
        pytest.param("word " * 60, ("word " * 24), id="no sentence"),
        pytest.param(
            "v2.53.1 of the app fails. " + BODY, "v2.53.1 of the app fails.", id="points inside of words"
        ),
    ],
)
def test_the_opening_of_a_text(text: str, opening: str) -> None:
    assert opening_of(text) == opening


def test_terms_are_of_words_whatever_stands_between_them() -> None:
    said = terms_of("Camera ERROR-502")
    np.testing.assert_array_equal(said, terms_of("camera: error 502!"))
    assert (
        len(said) == len({" ca", "cam", "ame", "mer", "era", "ra "} | {" er", "err", "rro", "ror", "or "}) + 3
    )
    assert (np.diff(said.astype(int)) > 0).all()


@pytest.mark.parametrize("text", ["", " ", "!?…", "🎉"])
def test_a_text_without_letters_has_no_terms(text: str) -> None:
    assert len(terms_of(text)) == 0


def test_chinese_is_read_in_pairs() -> None:
    assert len(terms_of("支付失败")) == 3
    shared = np.intersect1d(terms_of("支付失败了"), terms_of("昨天支付失败"))
    np.testing.assert_array_equal(shared, terms_of("支付失败"))


@pytest.mark.parametrize(
    ("one", "other", "low", "high"),
    [
        pytest.param("camera is black", "camera is black", 1.0, 1.0, id="the same"),
        pytest.param("camera is black", "the camera stays black", 0.4, 0.8, id="alike"),
        pytest.param("camera is black", "refund of my order", 0.0, 0.1, id="unlike"),
        pytest.param("camera", "", 0.0, 0.0, id="nothing said"),
    ],
)
def test_overlap_of_two_texts(one: str, other: str, low: float, high: float) -> None:
    (found,) = overlaps(terms_of(one), [terms_of(other)], EVERY)
    assert low <= found <= high
    (back,) = overlaps(terms_of(other), [terms_of(one)], EVERY)
    assert back == pytest.approx(found)


def test_rare_terms_count_more_and_those_of_every_text_nothing() -> None:
    """Of a company whose every ticket begins alike, what is behind that decides."""
    texts = [f"please help with {word}" for word in ("camera", "refund", "parcel", "lock")] * 25
    holding = np.zeros(BUCKETS, dtype=np.int64)
    for text in texts:
        holding[terms_of(text)] += 1
    rarity = backdrop_of(unit_rows(len(texts), 8, 1), holding).rarity
    one = terms_of("please help with camera")
    others = [terms_of("please help with refund"), terms_of("my camera broke")]
    assert overlaps(one, others, EVERY)[0] > overlaps(one, others, EVERY)[1]
    assert overlaps(one, others, rarity)[0] < 0.05 < overlaps(one, others, rarity)[1]


def test_too_few_tickets_have_nothing_in_common() -> None:
    holding = np.full(BUCKETS, 7, dtype=np.int64)
    few = backdrop_of(unit_rows(LEAST_TICKETS - 1, 8, 1), holding)
    np.testing.assert_array_equal(few.mean, plain(8).mean)
    np.testing.assert_array_equal(few.rarity, EVERY)
    rows = unit_rows(5, 8, 2)
    np.testing.assert_allclose(stand_out(rows, few), rows, atol=1e-6)


def test_what_all_tickets_have_in_common_is_taken_off() -> None:
    """Vectors that differ from one template by little are alike; without the template they are not."""
    template, own = unit_rows(1, 64, 1), unit_rows(400, 64, 2)
    rows = template + 0.3 * own
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    backdrop = backdrop_of(rows, np.zeros(BUCKETS, dtype=np.int64))
    apart = stand_out(rows, backdrop)
    assert (rows[:-1] * rows[1:]).sum(1).mean() > 0.9
    assert abs((apart[:-1] * apart[1:]).sum(1).mean()) < 0.05
    np.testing.assert_allclose(np.linalg.norm(apart, axis=1), 1.0, atol=1e-5)


def test_the_strongest_directions_are_weakened_to_the_next_ones_variance() -> None:
    chance = np.random.default_rng(1)
    rows = chance.normal(size=(500, 16)).astype(np.float32)
    rows[:, 0] *= 10
    backdrop = backdrop_of(rows, np.zeros(BUCKETS, dtype=np.int64))
    assert abs(backdrop.directions[0, 0]) > 0.99
    assert backdrop.kept[0] < 0.03
    assert ((backdrop.kept > 0) & (backdrop.kept <= 1)).all()
    assert len(backdrop.kept) == 10


def test_what_is_the_backdrop_itself_does_not_stand_out() -> None:
    rows = unit_rows(LEAST_TICKETS, 8, 1)
    backdrop = backdrop_of(rows, np.zeros(BUCKETS, dtype=np.int64))
    np.testing.assert_array_equal(stand_out(backdrop.mean[None, :], backdrop), np.zeros((1, 8)))


BASE = sketch("camera is black " + BODY, "c-1", "app", 10 * DAY_MS)


def score(one: Sketch, other: Sketch, cosine: float = 0.5) -> float:
    found = evidence(one, [other], np.array([cosine]), EVERY, COMMITTED)
    return float(scores(found, WEIGHTS)[0])


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param(BASE, replace(BASE, terms=terms_of("camera")), id="wording"),
        pytest.param(
            replace(BASE, customer_id=None), replace(BASE, customer_id="c-2"), id="customer unknown"
        ),
        pytest.param(BASE, replace(BASE, customer_id=None), id="same customer"),
        pytest.param(replace(BASE, product=None), replace(BASE, product="web"), id="other product"),
        pytest.param(BASE, replace(BASE, created_at_ms=DAY_MS), id="age"),
        pytest.param(
            replace(BASE, created_at_ms=None), replace(BASE, created_at_ms=30 * DAY_MS), id="age unknown"
        ),
    ],
)
def test_what_speaks_for_a_duplicate(better: Sketch, worse: Sketch) -> None:
    assert score(BASE, better) > score(BASE, worse)


def test_what_is_not_known_adds_nothing_and_takes_nothing_off() -> None:
    unknown = Sketch(BASE.terms, BASE.beyond)
    (found,) = evidence(BASE, [unknown], np.array([0.5]), EVERY, COMMITTED)
    np.testing.assert_allclose(found, [-1, 0.5, 1, BASE.beyond, 0, 0, 0, 0])
    (same,) = evidence(BASE, [BASE], np.array([0.5]), EVERY, COMMITTED)
    assert same[4] > 0
    np.testing.assert_array_equal(same[5:], [1, 0, 0])
    other = replace(BASE, customer_id="c-2", product="web")
    (differs,) = evidence(BASE, [other], np.array([0.5]), EVERY, COMMITTED)
    np.testing.assert_array_equal(differs[5:], [0, -1, -1])


def test_recency_is_neither_good_nor_bad_over_two_weeks() -> None:
    ages = np.arange(0, 14, 0.25)
    others = [replace(BASE, created_at_ms=int(10 * DAY_MS - age * DAY_MS)) for age in ages]
    found = evidence(BASE, others, np.zeros(len(ages)), EVERY, COMMITTED)[:, 4]
    assert abs(found.mean()) < 0.01
    assert (np.diff(found) < 0).all()


def test_the_committed_weights_keep_their_signs() -> None:
    assert (vector_of(WEIGHTS) >= 0).all()
    assert (vector_of(WEIGHTS)[:5] > 0).all()
    assert 0.5 < COMMITTED.at < 1


@pytest.mark.parametrize(
    ("a", "b", "cosine", "is_duplicate"),
    [
        pytest.param(
            "App closes when I open the camera", "App closes when I open the camera", 1.0, True, id="copy"
        ),
        pytest.param(
            "App closes when I open the camera", "Camera makes the app close at once", 0.8, True, id="alike"
        ),
        pytest.param(
            "App closes when I open the camera", "App closes when I pay", 0.45, False, id="other problem"
        ),
        pytest.param("App closes when I open the camera", "Where is my parcel?", 0.1, False, id="unlike"),
    ],
)
def test_the_threshold_parts_what_repeats_from_what_does_not(
    a: str, b: str, cosine: float, is_duplicate: bool
) -> None:
    assert (score(sketch(a), sketch(b), cosine) >= COMMITTED.at) is is_duplicate


def test_whoever_could_reach_the_threshold_is_looked_at_nearest_first() -> None:
    chance = np.random.default_rng(1)
    one = sketch("camera is black", "c-1", "app", 10 * DAY_MS)
    others = [
        replace(one, terms=terms_of(text), beyond=beyond)
        for text in ("camera is black", "camera", "parcel")
        for beyond in np.linspace(0, 1, 40)
    ]
    cosines = chance.uniform(-1, 1, len(others))
    everybody = replace(COMMITTED, candidates=len(others))
    rows = promising(one, others, cosines.tolist(), everybody)
    found = scores(evidence(one, others, cosines, EVERY, COMMITTED), WEIGHTS)
    assert set(np.flatnonzero(found >= COMMITTED.at)) <= set(rows) < set(range(len(others)))
    assert (np.diff(cosines[rows]) <= 0).all()
    assert promising(one, others, cosines.tolist(), COMMITTED) == rows[: COMMITTED.candidates]
    for at in (0.0, 1.0):
        assert len(promising(one, others, cosines.tolist(), replace(everybody, at=at))) == len(others)


@pytest.mark.parametrize(
    "wrong", [{"horizon_ms": -1}, {"half_life_ms": 0}, {"candidates": 0}], ids=lambda wrong: next(iter(wrong))
)
def test_a_policy_that_makes_no_sense_is_refused(wrong: dict[str, int]) -> None:
    fields = {"weights": WEIGHTS, "at": 0.9, "horizon_ms": DAY_MS} | wrong
    with pytest.raises(ValueError, match=r"horizon|positive"):
        DuplicatePolicy(**fields)  # type: ignore[arg-type]
