"""The lexicon: which terms a text has, what they weigh, and where a text stands by them."""

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from models.generation import Lexicon
from models.learn.lexicon import LexiconPolicy, fit_lexicon
from models.lexicon import hashed_terms, join, lexical_vectors, weigh
from models.vote import GRID, settle
from tests.fakes.generations import unit_rows
from tests.fakes.history import FRESH, HISTORY

_BITS = 2**64
_MULTIPLIER = 0x9E3779B97F4A7C15
TEXTS = [text for _, text in HISTORY]


def _lexicon(weight: float = 0.5) -> Lexicon:
    found = fit_lexicon(TEXTS, LexiconPolicy(smallest=10, components=16), weight)
    assert found is not None
    return found


# -- terms, worked out once more with Python's whole numbers


def _mixed(value: int) -> int:
    value = ((value ^ (value >> 32)) * 0xD6E8FEB86659FD93) % _BITS
    return value ^ (value >> 32)


def _gram(text: str) -> int:
    value = ord(text[0]) * _MULTIPLIER
    for letter in text[1:]:
        value = (value * _MULTIPLIER + ord(letter)) % _BITS
    return _mixed(value ^ len(text))


def _sum(word: str) -> int:
    value = sum((ord(letter) + 7) * _MULTIPLIER ** (at + 1) for at, letter in enumerate(word))
    return int(value % _BITS)


def _terms(grams: Sequence[str], words: Sequence[str]) -> Counter[int]:
    pairs = [_mixed((_sum(one) * _MULTIPLIER + _sum(next_)) % _BITS ^ 211) for one, next_ in pairwise(words)]
    return Counter([_gram(gram) for gram in grams] + [_mixed(_sum(word) ^ 101) for word in words] + pairs)


def _found(texts: Sequence[str]) -> list[Counter[int]]:
    owner, hashes = hashed_terms(texts)
    return [Counter(hashes[owner == row].tolist()) for row in range(len(texts))]


def _grams(text: str) -> list[str]:
    padded = f" {text} "
    return [padded[at : at + n] for n in (2, 3, 4, 5) for at in range(len(padded) - n + 1)]


@pytest.mark.parametrize(
    ("text", "grams", "words"),
    [
        pytest.param("", ["  "], [], id="empty"),
        pytest.param(" ", ["  ", "  ", "   "], [], id="a blank"),
        pytest.param("a", [" a", "a ", " a "], ["a"], id="one letter"),
        pytest.param("ab", [" a", "ab", "b ", " ab", "ab ", " ab "], ["ab"], id="two letters"),
        pytest.param("AB", [" a", "ab", "b ", " ab", "ab ", " ab "], ["ab"], id="case is folded"),
        pytest.param("a b", _grams("a b"), ["a", "b"], id="grams stand across blanks"),
        pytest.param("aaa", _grams("aaa"), ["aaa"], id="a repeated gram counts twice"),
        pytest.param("ß", _grams("ss"), ["ss"], id="one letter that folds to two"),
        pytest.param("支付失败", _grams("支付失败"), ["支付失败"], id="Chinese"),
        pytest.param("错误E502，重试", _grams("错误e502，重试"), ["错误e502", "重试"], id="mixed"),
        pytest.param("can't log-in", _grams("can't log-in"), ["can", "t", "log", "in"], id="punctuation"),
        pytest.param("--", _grams("--"), [], id="punctuation alone"),
        pytest.param("😀 ok", _grams("😀 ok"), ["ok"], id="beyond 16 bits"),
        pytest.param("x\ud800y", _grams("x\ud800y"), ["x", "y"], id="half a pair"),
    ],
)
def test_terms_are_grams_words_and_pairs_of_words(
    text: str, grams: Sequence[str], words: Sequence[str]
) -> None:
    assert _found([text]) == [_terms(grams, words)]


@pytest.mark.parametrize(
    "texts",
    [["a b", "", "b a"], ["", "", ""], ["one two", "two one", "one two"], ["支付", "x", "支付 x"]],
    ids=str,
)
def test_no_term_stands_across_two_texts(texts: list[str]) -> None:
    assert _found(texts) == [counted for text in texts for counted in _found([text])]


def test_no_texts_no_terms() -> None:
    owner, hashes = hashed_terms([])
    assert len(owner) == len(hashes) == 0
    assert hashes.dtype == np.uint64


# -- weights


def _known(*words: str, idf: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    hashes = np.array([_mixed(_sum(word) ^ 101) for word in words], dtype=np.uint64)
    order = np.argsort(hashes)
    return hashes[order], np.array(idf, dtype=np.float32)[order]


def test_weights_are_those_of_salton_and_buckley() -> None:
    """1 + ln 3 times the one's rarity, once the other's, of unit length."""
    terms, idf = _known("pay", "card", idf=[2.0, 3.5])
    ((place, shares), nothing) = weigh(terms, idf, ["pay pay card Pay other", "other"])
    expected = {"pay": (1 + np.log(3)) * 2.0, "card": 3.5}
    length = np.hypot(*expected.values())
    found = dict(zip(terms[place].tolist(), shares.tolist(), strict=True))
    for word, weight in expected.items():
        assert found[_mixed(_sum(word) ^ 101)] == pytest.approx(weight / length, abs=0.005)
    assert len(nothing[0]) == len(nothing[1]) == 0


def test_weights_are_as_they_are_whatever_the_texts_beside() -> None:
    lexicon, texts = _lexicon(), [*TEXTS, "", "zzz", TEXTS[0]]
    together = weigh(lexicon.terms, lexicon.idf, texts)
    for text, (place, shares) in zip(texts, together, strict=True):
        ((alone_place, alone_shares),) = weigh(lexicon.terms, lexicon.idf, [text])
        assert np.array_equal(place, alone_place)
        assert np.array_equal(shares, alone_shares)
        assert (np.diff(place) > 0).all()


def test_where_nothing_is_known_nothing_weighs() -> None:
    none = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.float32)
    assert [len(place) for place, _ in weigh(*none, ["a", ""])] == [0, 0]
    assert weigh(*none, []) == []


# -- vectors


def test_a_text_without_a_known_term_has_no_lexical_vector() -> None:
    found = lexical_vectors(_lexicon(), [TEXTS[0], "", "ξψζ"])
    assert np.linalg.norm(found, axis=1).tolist() == pytest.approx([1.0, 0.0, 0.0], abs=1e-6)


def test_texts_that_share_words_lie_nearer_than_others() -> None:
    """A Chinese ticket and its own past; likewise an English one."""
    past = lexical_vectors(_lexicon(), TEXTS)
    for team, text in FRESH[2:]:
        near = past @ lexical_vectors(_lexicon(), [text])[0]
        assert HISTORY[int(near.argmax())][0] == team


@pytest.mark.parametrize("weight", [0.0, 0.35, 0.5, 1.0])
@pytest.mark.parametrize("dim", [8, 64, 512])
def test_a_hybrid_vector_is_settled_and_of_unit_length(dim: int, weight: float) -> None:
    """Also of a text that has no lexical part: it would be like nothing, not even itself."""
    texts = [*TEXTS, "", "ξψζ"]
    vectors = unit_rows(len(texts), dim, seed=3)
    found = join(_lexicon(weight), texts, vectors)
    assert found.shape == (len(texts), dim + 16)
    assert found.dtype == np.float32
    assert np.array_equal(found * GRID, np.rint(found * GRID))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, rtol=0.01)


def test_parts_are_of_the_lengths_that_the_weight_says() -> None:
    texts = [text for _, text in FRESH]
    found = join(_lexicon(0.7), texts, unit_rows(len(texts), 64, seed=4))
    lengths = np.linalg.norm(found[:, :64], axis=1), np.linalg.norm(found[:, 64:], axis=1)
    np.testing.assert_allclose(lengths[1] / lengths[0], 0.7, rtol=0.02)


def test_without_a_lexicon_a_hybrid_vector_is_the_encoders() -> None:
    vectors = unit_rows(5, 16, seed=5)
    assert np.array_equal(join(None, TEXTS[:5], vectors), settle(vectors))


def test_what_is_kept_of_a_ticket_gives_the_same_vector_as_the_ticket() -> None:
    lexicon, vectors = _lexicon(), unit_rows(len(TEXTS), 64, seed=6)
    assert np.array_equal(join(lexicon, TEXTS, settle(vectors)), join(lexicon, TEXTS, vectors))


def test_no_texts_no_vectors() -> None:
    assert join(_lexicon(), [], np.empty((0, 64), dtype=np.float32)).shape == (0, 80)
