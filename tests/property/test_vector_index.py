"""Laws of search: FAISS gives what NumPy gives, to the bit, whatever the batch; ties included."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.engines.vector_index import ExactIndex, TicketIndex
from models.evidence import searchable
from models.routing.corrections import no_corrections
from models.routing.match import IndexedTickets, match
from models.vote import GRID, Vectors, VotePolicy, settle
from tests.fakes.generations import generation, unit_rows
from tests.fakes.vector_index import NumpyIndex, NumpyTickets

_DIM = 6


def _matrices(most: int) -> st.SearchStrategy[Vectors]:
    """Settled rows from few values, so that equal rows and equal similarities are common."""
    return st.integers(1, most).flatmap(
        lambda rows: arrays(np.int8, (rows, _DIM), elements=st.integers(-2, 2)).map(
            lambda grid: (grid * 64 / GRID).astype(np.float32)
        )
    )


@settings(deadline=None)
@given(matrix=_matrices(40), queries=_matrices(25), k=st.integers(1, 50))
def test_faiss_agrees_with_numpy_and_breaks_ties_by_row(matrix: Vectors, queries: Vectors, k: int) -> None:
    similarities, rows = ExactIndex(matrix).search(queries, k)
    expected_similarities, expected_rows = NumpyIndex(matrix).search(queries, k)
    assert np.array_equal(similarities, expected_similarities)
    assert np.array_equal(rows, expected_rows)
    assert similarities.dtype == np.float32
    assert rows.dtype == np.int64


@settings(deadline=None)
@given(size=st.integers(1, 40), seed=st.integers(0, 5))
def test_a_match_does_not_depend_on_its_batch_or_on_the_engine(size: int, seed: int) -> None:
    exemplars = [(row % 7, vector) for row, vector in enumerate(unit_rows(120, 24, seed))]
    exemplars += exemplars[:30]  # copies: ties
    made = generation(["a", "b", None, "a", "c", None, "b"], unit_rows(7, 24, seed + 10), exemplars)
    vectors, nobody = settle(unit_rows(60, 24, seed + 20)), no_corrections(24)
    whole = match(vectors, searchable(made, NumpyIndex), VotePolicy(), nobody)
    ready = searchable(made, ExactIndex)
    batches = [match(vectors[at : at + size], ready, VotePolicy(), nobody) for at in range(0, 60, size)]
    assert [found for batch in batches for found in batch] == whole


_names = st.sampled_from("abcdefgh")
_acts = st.lists(
    st.one_of(
        st.tuples(st.just("put"), _names, st.integers(0, 30)),
        st.tuples(st.just("remove"), _names, st.just(0)),
        st.tuples(st.just("retrain"), st.just(""), st.just(0)),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(acts=_acts)
def test_tickets_are_held_as_numpy_holds_them(acts: list[tuple[str, str, int]]) -> None:
    vectors = settle(unit_rows(31, _DIM, seed=5))  # exact in 16 bits, so that both must agree to the bit
    real, plain = TicketIndex(_DIM), NumpyTickets(_DIM)
    both: tuple[IndexedTickets, IndexedTickets] = (real, plain)
    for act, name, row in acts:
        if act == "put":
            for index in both:
                index.put(name, vectors[row])
        elif act == "remove":
            assert real.remove(name) == plain.remove(name)
        else:
            real.retrain()
    assert len(real) == len(plain)
    for found, every in zip(real.search(vectors[:4], 5), plain.search(vectors[:4], 8), strict=True):
        assert [score for _, score in found] == [score for _, score in every[:5]]
        # Of tickets that are equally near, any may be the last that are shown.
        assert set(found) <= set(every)
        assert len(set(found)) == len(found)
