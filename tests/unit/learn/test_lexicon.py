"""Learning the lexicon: which terms of a history count, and when there is none."""

from dataclasses import replace

import numpy as np
import pytest

from models.generation import Lexicon
from models.learn.lexicon import LexiconPolicy, fit_lexicon
from models.lexicon import COMPONENT_GRID, WEIGHT_GRID, hashed_terms, lexical_vectors
from tests.fakes.history import HISTORY

TEXTS = [text for _, text in HISTORY]
SMALL = LexiconPolicy(smallest=4, components=4)


def _fit(texts: list[str], policy: LexiconPolicy = SMALL) -> Lexicon:
    found = fit_lexicon(texts, policy, 0.5)
    assert found is not None
    return found


def _of(text: str) -> set[int]:
    return set(hashed_terms([text])[1].tolist())


def _frequency(texts: list[str]) -> dict[int, int]:
    """In how many texts each term stands, by plain sets."""
    found: dict[int, int] = {}
    for text in texts:
        for term in _of(text):
            found[term] = found.get(term, 0) + 1
    return found


@pytest.mark.parametrize(
    ("least", "share"),
    [(2, 0.5), (1, 1.0), (3, 0.4), (2, 0.01), (5, 0.2)],
    ids=["as set", "all", "rarer out", "share under the least", "few"],
)
def test_terms_stand_in_enough_texts_and_not_in_too_many(least: int, share: float) -> None:
    policy = replace(SMALL, least_texts=least, most_share=share)
    most = max(least, share * len(TEXTS))
    expected = {term for term, count in _frequency(TEXTS).items() if least <= count <= most}
    found = _fit(TEXTS, policy)
    assert set(found.terms.tolist()) == expected
    assert (np.diff(found.terms.astype(object)) > 0).all()


def test_of_more_terms_than_are_kept_those_of_most_texts_stay() -> None:
    frequency = _frequency(TEXTS)
    found = _fit(TEXTS, replace(SMALL, terms=25))
    kept = [frequency[term] for term in found.terms.tolist()]
    counts = sorted((count for count in frequency.values() if 2 <= count <= 15), reverse=True)
    assert len(kept) == 25
    assert sorted(kept, reverse=True) == counts[:25]


def test_terms_of_a_long_history_are_counted_over_all_of_it() -> None:
    """More texts than are read at a time, in three kinds."""
    found = _fit([f"w{row % 3} tail" for row in range(3_000)], replace(SMALL, components=2))
    own = _of("w1 tail") - _of("w0 tail") - _of("w2 tail")
    places = np.flatnonzero(np.isin(found.terms, np.array(sorted(own), dtype=np.uint64)))
    assert len(places) == len(own)
    np.testing.assert_allclose(found.idf[places], np.log(3_001 / 1_001) + 1, atol=0.5 / WEIGHT_GRID)


def test_rarer_terms_weigh_more_on_the_grid() -> None:
    frequency = _frequency(TEXTS)
    found = _fit(TEXTS)
    expected = [np.log(31 / (1 + frequency[term])) + 1 for term in found.terms.tolist()]
    np.testing.assert_allclose(found.idf, expected, atol=0.5 / WEIGHT_GRID)
    assert np.array_equal(found.idf * WEIGHT_GRID, np.rint(found.idf * WEIGHT_GRID))


def test_components_are_directions_of_length_one_at_right_angles() -> None:
    parts = _fit(TEXTS).components.astype(np.float64) / COMPONENT_GRID
    np.testing.assert_allclose(parts.T @ parts, np.eye(4), atol=0.01)


def test_the_few_dimensions_keep_most_of_what_two_texts_share() -> None:
    """As many dimensions as texts keep all of it: cosines are those of the weighted terms themselves."""
    texts = ["pay card pay", "pay card now", "login code", "login code sms", "pay login", "card code"]
    policy = replace(SMALL, most_share=1.0, least_texts=1, components=64, rounds=6)
    rows = lexical_vectors(_fit(texts, policy), texts)
    near = rows @ rows.T
    assert near[0, 1] > 0.4 > near[0, 2]
    assert near[2, 3] > 0.6 > near[3, 4]


def test_the_same_history_gives_the_same_lexicon_to_the_bit() -> None:
    one, other = _fit(TEXTS), _fit(list(TEXTS))
    for field in ("terms", "idf", "components"):
        assert getattr(one, field).tobytes() == getattr(other, field).tobytes()
    assert one.weight == other.weight == 0.5


def test_of_too_many_texts_a_part_is_read_taken_evenly() -> None:
    read = _fit([TEXTS[row] for row in (0, 9, 19, 29)], replace(SMALL, components=2))
    found = _fit(TEXTS, replace(SMALL, components=2, most_texts=4))
    assert np.array_equal(found.terms, read.terms)
    assert np.array_equal(found.components, read.components)


@pytest.mark.parametrize(
    ("texts", "policy"),
    [
        pytest.param([], SMALL, id="no texts"),
        pytest.param(TEXTS[:3], SMALL, id="fewer texts than the smallest"),
        pytest.param(["ab", "cd", "ef", "gh"], SMALL, id="no term stands twice"),
        pytest.param(["", "", "", ""], replace(SMALL, most_share=1.0), id="nothing in them"),
        pytest.param(["same words"] * 8, SMALL, id="every term stands everywhere"),
    ],
)
def test_a_history_that_is_too_small_has_none(texts: list[str], policy: LexiconPolicy) -> None:
    assert fit_lexicon(texts, policy, 0.5) is None


def test_fifty_texts_are_enough() -> None:
    texts = (TEXTS * 2)[:50]
    assert fit_lexicon(texts[:49], LexiconPolicy(), 0.5) is None
    assert fit_lexicon(texts, LexiconPolicy(), 0.5) is not None
