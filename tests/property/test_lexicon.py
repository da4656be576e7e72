"""Laws of hybrid vectors: a text's own, whatever stands beside it and in whatever order."""

from functools import cache

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.generation import Lexicon
from models.learn.lexicon import LexiconPolicy, fit_lexicon
from models.lexicon import hashed_terms, join
from models.vote import GRID
from tests.fakes.generations import unit_rows
from tests.fakes.history import FRESH, HISTORY

_TEXTS = [text for _, text in (*HISTORY, *FRESH)]
_texts = st.lists(
    st.sampled_from(_TEXTS)
    | st.text(st.sampled_from("aA bt付 支失E50.-'İß😀\ud800\n"), max_size=30)
    | st.text(max_size=10),
    max_size=12,
)


@cache
def _lexicon() -> Lexicon:
    found = fit_lexicon(_TEXTS, LexiconPolicy(smallest=10, components=16), 0.5)
    assert found is not None
    return found


@settings(deadline=None)
@given(texts=_texts, seed=st.integers(0, 2**16), cut=st.integers(0, 12))
def test_texts_in_any_order_and_any_part_give_their_own_vectors_in_that_order(
    texts: list[str], seed: int, cut: int
) -> None:
    vectors = unit_rows(len(texts), 32, seed) if texts else np.empty((0, 32), dtype=np.float32)
    whole = join(_lexicon(), texts, vectors)
    order = np.random.default_rng(seed).permutation(len(texts))
    permuted = join(_lexicon(), [texts[row] for row in order], vectors[order])
    assert np.array_equal(permuted, whole[order])
    parts = [join(_lexicon(), texts[rows], vectors[rows]) for rows in (slice(0, cut), slice(cut, None))]
    assert np.array_equal(np.concatenate(parts), whole)


@settings(deadline=None)
@given(texts=_texts, seed=st.integers(0, 2**16))
def test_hybrid_vectors_stand_on_the_grid_and_are_of_unit_length(texts: list[str], seed: int) -> None:
    found = join(_lexicon(), texts, unit_rows(len(texts) or 1, 32, seed)[: len(texts)])
    assert np.array_equal(found * GRID, np.rint(found * GRID))
    assert (np.abs(np.linalg.norm(found, axis=1) - 1) < 0.01).all()


@given(texts=_texts)
def test_every_term_belongs_to_its_text(texts: list[str]) -> None:
    owner, hashes = hashed_terms(texts)
    alone = [hashed_terms([text])[1] for text in texts]
    for row, own in enumerate(alone):
        assert sorted(hashes[owner == row].tolist()) == sorted(own.tolist())
    assert len(hashes) == sum(map(len, alone))
