"""The FAISS engines where laws do not reach: many equals, many lists, many threads."""

import threading
from collections.abc import Callable

import faiss
import numpy as np
import pytest

from models.engines.vector_index import ExactIndex, TicketIndex, lists_for
from models.vote import Vectors, settle
from tests.fakes.generations import unit, unit_rows
from tests.fakes.vector_index import NumpyTickets


def test_a_thousand_equal_rows_come_in_their_order() -> None:
    matrix = np.repeat(settle(unit(1, 2, 3)[None, :]), 1000, axis=0)
    _, rows = ExactIndex(matrix).search(matrix[:2], 10)
    assert rows.tolist() == [list(range(10))] * 2


def test_an_empty_index_finds_nothing() -> None:
    similarities, rows = ExactIndex(np.empty((0, 3), dtype=np.float32)).search(unit(1, 0, 0)[None, :], 2)
    assert rows.tolist() == [[-1, -1]]
    assert np.isneginf(similarities).all()


def test_many_lists_find_nearly_what_one_does_and_a_ticket_itself_always() -> None:
    vectors = settle(unit_rows(3000, 16, seed=0))
    index, oracle = TicketIndex(16, exact_limit=1000), NumpyTickets(16)
    for row, vector in enumerate(vectors):
        index.put(str(row), vector)
        oracle.put(str(row), vector)
    assert index.retraining_due
    index.retrain()
    assert not index.retraining_due
    found, true = index.search(vectors[:200], 10), oracle.search(vectors[:200], 10)
    assert [row[0] for row in found] == [row[0] for row in true]
    shared = [len(set(one) & set(other)) / 10 for one, other in zip(found, true, strict=True)]
    assert np.mean(shared) > 0.5  # random rows have no neighbourhoods: real ones reach .987


def test_a_copy_is_all_but_identical_and_never_more() -> None:
    vectors = unit_rows(50, 512, seed=9)
    index = TicketIndex(512)
    for row, vector in enumerate(vectors):
        index.put(str(row), vector)
    similarities = [row[0][1] for row in index.search(vectors, 1)]
    assert 0.999 < min(similarities) <= max(similarities) <= 1.0


def test_removal_and_replacement_hold_after_retraining() -> None:
    vectors = unit_rows(200, 8, seed=1)
    index = TicketIndex(8, exact_limit=50)
    for row, vector in enumerate(vectors):
        index.put(str(row), vector)
    index.retrain()
    assert index.remove("3")
    assert not index.remove("3")
    index.put("4", vectors[3])
    assert len(index) == 199
    assert index.search(vectors[3:4], 1)[0][0][0] == "4"


@pytest.mark.parametrize("tickets", [1, 255, 256, 257, 600])
def test_a_ticket_is_found_replaced_and_removed_whether_its_block_is_full_or_not(tickets: int) -> None:
    vectors = settle(unit_rows(tickets + 1, 16, seed=4))
    index, oracle = TicketIndex(16), NumpyTickets(16)
    for row, vector in enumerate(vectors[:-1]):
        index.put(str(row), vector)
        oracle.put(str(row), vector)
    for held in (index, oracle):
        assert held.remove("0")  # in the index, or still waiting for its block
        held.put(str(tickets - 1), vectors[-1])
    assert len(index) == len(oracle)
    assert index.search(vectors[-5:], 1) == oracle.search(vectors[-5:], 1)


def test_a_vector_that_its_owner_writes_over_stays_as_it_was_put() -> None:
    vector = unit(1, 0, 0)
    index = TicketIndex(3)
    index.put("a", vector)
    vector[:] = 0
    assert index.search(unit(1, 0, 0)[None, :], 1) == [[("a", 1.0)]]


@pytest.mark.parametrize("build", [lambda: ExactIndex(unit_rows(9, 4, seed=1)), lambda: TicketIndex(4)])
def test_whichever_thread_searches_searches_alone(build: Callable[[], ExactIndex | TicketIndex]) -> None:
    """OpenMP keeps its number of threads for each thread that asks: set at import, it would hold for the main one."""
    index, threads = build(), list[int]()

    def search() -> None:
        index.search(unit_rows(1, 4, seed=1), 1)
        threads.append(faiss.omp_get_max_threads())

    searcher = threading.Thread(target=search)
    searcher.start()
    searcher.join()
    assert threads == [1]


def test_what_changes_during_retraining_is_carried_over() -> None:
    vectors = settle(unit_rows(400, 8, seed=2))
    index, oracle = TicketIndex(8), NumpyTickets(8)
    for row in range(200):
        index.put(str(row), vectors[row])
        oracle.put(str(row), vectors[row])
    stop = threading.Event()

    def retrain() -> None:
        while not stop.is_set():
            index.retrain()

    thread = threading.Thread(target=retrain)
    thread.start()
    try:
        for row in range(200, 400):
            index.put(str(row), vectors[row])
            oracle.put(str(row), vectors[row])
            assert index.remove(str(row - 150)) == oracle.remove(str(row - 150))
            index.search(vectors[row : row + 1], 3)
    finally:
        stop.set()
        thread.join()
    assert len(index) == len(oracle)
    assert index.search(vectors, 4) == oracle.search(vectors, 4)


@pytest.mark.parametrize(
    "vector", [unit(1, 0), np.full(3, np.nan, dtype=np.float32)], ids=["width", "not a number"]
)
def test_what_is_no_vector_is_refused(vector: Vectors) -> None:
    with pytest.raises(ValueError, match="3 finite components"):
        TicketIndex(3).put("a", vector)


@pytest.mark.parametrize(("tickets", "lists"), [(1, 1), (100, 2), (42_853, 512), (1_000_000, 2048)])
def test_lists_grow_with_the_root_of_the_tickets(tickets: int, lists: int) -> None:
    assert lists_for(tickets) == lists
