"""What `routing.encode.Encoder` promises, asked of every engine and of the fake alike."""

import re

import numpy as np
import pytest

from models.routing.encode import encode
from models.routing.pack import PackPolicy
from tests.unit.engines.engines import ENGINES, Opener

_TEXTS = [
    "My card payment failed",
    "login fails after the update",
    "",
    "   ",
    "支付失败，订单一直显示处理中。",
    "my",
    "😀 \u0301 \U000e1234",
    "refund " * 30,
    "the late refund " * 900,
]


@pytest.mark.parametrize("opener", ENGINES)
def test_a_vector_is_the_same_alone_in_a_batch_and_beside_long_neighbours(opener: Opener) -> None:
    encoder = opener()
    tokens = encoder.tokenize(_TEXTS)
    alone = np.concatenate([encoder.forward([ids]) for ids in tokens])
    together = encoder.forward(tokens)
    backwards = encoder.forward(tokens[::-1])[::-1]
    beside_the_longest = np.stack([encoder.forward([tokens[-1], ids])[1] for ids in tokens])
    for other in (together, backwards, beside_the_longest):
        np.testing.assert_allclose(other, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("opener", ENGINES)
def test_rows_are_unit_float32_of_the_said_width(opener: Opener) -> None:
    encoder = opener()
    vectors = encoder.forward(encoder.tokenize(_TEXTS))
    assert vectors.shape == (len(_TEXTS), encoder.dim)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("opener", ENGINES)
def test_every_text_has_a_token_and_none_more_than_the_limit(opener: Opener) -> None:
    encoder = opener()
    short, long, longer = (len(row) for row in encoder.tokenize(["", "my card " * 3000, "my card " * 4000]))
    assert short >= 1
    assert long == longer


@pytest.mark.parametrize("opener", ENGINES)
def test_different_texts_differ_and_equal_texts_do_not(opener: Opener) -> None:
    encoder = opener()
    one, same, other = encoder.forward(encoder.tokenize(["lost my card", "lost my card", "login fails"]))
    np.testing.assert_allclose(one, same, rtol=0, atol=1e-6)
    assert float(one @ other) < 0.98


@pytest.mark.parametrize("opener", ENGINES)
def test_the_fingerprint_is_a_name_and_a_digest(opener: Opener) -> None:
    assert re.fullmatch(r"[^:]+:[0-9a-f]{16}", opener().fingerprint)


@pytest.mark.parametrize("opener", ENGINES)
def test_encode_gives_rows_in_the_order_of_the_texts(opener: Opener) -> None:
    encoder = opener()
    expected = np.concatenate([encoder.forward(encoder.tokenize([text])) for text in _TEXTS])
    found = encode(encoder, _TEXTS, PackPolicy(max_tokens=64, max_count=3))
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert encode(encoder, [], PackPolicy()).shape == (0, encoder.dim)
