"""Sentiment: scores by hand, bands, exactness, and the head as bytes."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from models.errors import Fatal
from models.routing.sentiment import Band, Sentiment, band, from_bytes, scores, sentiments, to_bytes
from models.vote import settle
from tests.fakes.sentiment import head, random_head


def _units(count: int, seed: int = 0) -> Any:
    vectors = np.random.default_rng(seed).standard_normal((count, 512))
    return settle(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


@pytest.mark.parametrize(
    ("first", "bias", "score"),
    [
        pytest.param(0.0, 0.0, 0.5, id="nothing"),
        pytest.param(0.25, 0.0, 0.8808, id="logit-2"),
        pytest.param(-0.25, 0.0, 0.5, id="a-rectified-unit-is-silent-below-0"),
        pytest.param(0.25, -4.0, 0.1192, id="bias"),
        pytest.param(1.0, 100.0, 1.0, id="certain"),
        pytest.param(0.0, -100.0, 0.0, id="certain-of-the-other"),
    ],
)
def test_a_score_by_hand(first: float, bias: float, score: float) -> None:
    vector = np.array([[first, 0.5, -0.5, 0.0]], dtype=np.float32)
    assert scores(head(bias=bias), vector).tolist() == [score]


@pytest.mark.parametrize(
    ("score", "word"),
    [
        (0.0, "calm"),
        (0.5999, "calm"),
        (0.6, "upset"),
        (0.8999, "upset"),
        (0.9, "very_upset"),
        (1.0, "very_upset"),
    ],
)
def test_a_band_begins_at_its_limit(score: float, word: str) -> None:
    assert band(head(), score) is Band(word)


def test_the_words_stand_beside_the_scores() -> None:
    vectors = np.array([[0, 1, 0, 0], [0.125, 0, 0, 0], [0.5, 0, 0, 0]], dtype=np.float32)
    assert sentiments(head(), vectors) == [
        Sentiment(0.5, Band.CALM),
        Sentiment(0.7311, Band.UPSET),
        Sentiment(0.982, Band.VERY_UPSET),
    ]


def test_without_a_head_nothing_is_heard() -> None:
    assert sentiments(None, _units(3)) == [None, None, None]
    assert sentiments(random_head(0), _units(0)) == []


def test_a_score_is_the_same_in_any_batch_and_order_of_summation() -> None:
    given, vectors = random_head(1), _units(64)
    whole = scores(given, vectors)
    alone = np.concatenate([scores(given, vectors[row : row + 1]) for row in range(len(vectors))])
    order = np.random.default_rng(2).permutation(512)
    turned = replace(given, hidden=given.hidden[order])
    units = np.random.default_rng(3).permutation(64)
    shuffled = replace(
        given,
        hidden=given.hidden[:, units],
        hidden_bias=given.hidden_bias[units],
        output=given.output[units],
    )
    for again in (
        alone,
        scores(given, vectors[::-1])[::-1],
        scores(turned, np.ascontiguousarray(vectors[:, order])),
        scores(shuffled, vectors),
    ):
        assert again.tobytes() == whole.tobytes()


def test_every_sum_is_exact() -> None:
    """In whole numbers of any size, the same logits: float64 rounds nowhere."""
    given, vectors = random_head(4), _units(16)
    whole = [[round(x * 256) for x in row] for row in vectors.tolist()]
    hidden = [[round(x * 256) for x in row] for row in given.hidden.tolist()]
    bias, output = ([round(x * 256) for x in part.tolist()] for part in (given.hidden_bias, given.output))
    for row, integers in zip(vectors.astype(np.float64), whole, strict=True):
        raw = [
            sum(x * w for x, w in zip(integers, column, strict=True)) for column in zip(*hidden, strict=True)
        ]
        units = [max(0, total + 256 * b) for total, b in zip(raw, bias, strict=True)]
        logit = sum(u * w for u, w in zip(units, output, strict=True))
        found = np.maximum(row @ given.hidden + given.hidden_bias, 0.0) @ given.output
        assert found * 2.0**24 == logit


def test_a_head_written_is_the_head_read() -> None:
    given = random_head(5, encoder="use:é")
    blob = to_bytes(given)
    again = from_bytes(blob)
    assert (again.encoder, again.upset_at, again.very_upset_at) == ("use:é", 0.5, 0.8)
    assert to_bytes(again) == blob == to_bytes(random_head(5, encoder="use:é"))
    assert scores(again, _units(9)).tobytes() == scores(given, _units(9)).tobytes()


def test_weights_are_put_on_the_grid_and_cannot_be_changed() -> None:
    given = replace(head(), bias=np.array([0.3]))
    assert given.bias.tolist() == [77 / 256]
    with pytest.raises(ValueError, match="read-only"):
        given.bias[0] = 1.0


def _bent() -> bytes:
    """A head one byte of whose weights is another."""
    blob = bytearray(to_bytes(random_head(6)))
    blob[len(blob) // 3] ^= 0xFF
    return bytes(blob)


@pytest.mark.parametrize(
    "blob", [b"", b"PK\x03\x04", to_bytes(head())[:-30], b"x" * 400, _bent()], ids=range(5)
)
def test_what_is_no_head_is_one_line(blob: bytes) -> None:
    with pytest.raises(Fatal, match="sentiment: the head cannot be read"):
        from_bytes(blob)


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"hidden": np.zeros((4, 3))}, id="units"),
        pytest.param({"hidden": np.zeros(4)}, id="no-matrix"),
        pytest.param({"hidden_bias": np.zeros(3)}, id="biases"),
        pytest.param({"bias": np.zeros(2)}, id="two-outputs"),
        pytest.param({"upset_at": 0.95}, id="bands-out-of-order"),
        pytest.param({"upset_at": 0.0}, id="nothing-is-calm"),
        pytest.param({"very_upset_at": 1.1}, id="beyond-1"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Fatal, match="do not fit"):
        replace(head(), **changed)
