"""FAISS behind the two protocols of search: the immutable index that decisions are voted from, and the live ones
of solved and of open tickets that people are shown."""

import threading
from typing import Any

import faiss
import numpy as np
from numpy.typing import NDArray

from models.vote import Rows, Similarities, Vectors

_faiss: Any = faiss  # its classes are made at import by SWIG, unseen by a type checker

# The wheel's default of 128000 keeps batches off BLAS; 20 made a batch of 64 over 5,000 rows 2.3 times faster.
_faiss.cvar.distance_compute_blas_threshold = 20

# Rows asked for beyond k, so that equal similarities around the k-th place can be put in order.
_SLACK = 8

# Tickets put into the inverted file at once: one at a time, each wakes OpenMP's threads and looks for its list alone.
# A worker's start reads 58,701 solved tickets in 6.8 s so, and in 14.3 one by one (`sluice bench restore`, 2 cores).
# A search first puts in what waits, which takes 2 ms at most.
_BLOCK = 256

# Vectors a list that the lists are found from, one above the 39 that FAISS asks for at least. Its usual 256 took twice
# as long at 40,002 tickets, in a worker's start, and found no more of the true ten nearest (.90; .93 with 40).
_TRAINING_POINTS = 40


def _on_one_thread() -> None:
    """Keep OpenMP to the calling thread, which is the only one that this sets it for.

    A batch's search takes a millisecond or two; on cores that others use too, OpenMP's threads wait for each other
    longer than that (2 to 4 ms a ticket instead of 0.3 at a load of 8 on 2 cores, and nothing gained on an idle one).
    Training is no better off: 40,002 tickets took 4.8 s on two threads and 2.6 on one at a load of 3 on 2 cores.
    """
    _faiss.omp_set_num_threads(1)


class ExactIndex:
    """vote.VectorIndex over IndexFlatIP. Similarities are exact for settled vectors (see vote.GRID)."""

    def __init__(self, matrix: Vectors) -> None:
        """Copy `matrix` [rows, dim] float32 into an index."""
        self._index: Any = faiss.IndexFlatIP(matrix.shape[1])
        self._index.add(np.ascontiguousarray(matrix, dtype=np.float32))

    def search(self, queries: Vectors, k: int) -> tuple[Similarities, Rows]:
        """As vote.VectorIndex says. FAISS leaves open which of equal rows it returns; this settles it by row,
        asking for more where the group of equals reaches beyond what was returned."""
        _on_one_thread()
        total = int(self._index.ntotal)
        found_similarities = np.full((len(queries), k), -np.inf, dtype=np.float32)
        found_rows = np.full((len(queries), k), -1, dtype=np.int64)
        open_rows, wanted = np.arange(len(queries)), k + _SLACK
        while len(open_rows) and total:
            wanted = min(wanted, total)
            similarities, rows = self._index.search(np.ascontiguousarray(queries[open_rows]), wanted)
            order = np.lexsort((rows, -similarities), axis=1)[:, :k]
            found_similarities[open_rows, : order.shape[1]] = np.take_along_axis(similarities, order, 1)
            found_rows[open_rows, : order.shape[1]] = np.take_along_axis(rows, order, 1)
            if wanted == total:
                break
            open_rows = open_rows[similarities[:, k - 1] == similarities[:, -1]]
            wanted *= 2
        return found_similarities, found_rows


class TicketIndex:
    """match.IndexedTickets over an inverted file of 16-bit floats.

    Vectors are not settled here: what people are shown need not be the same to the bit, and a copy of a ticket
    should be as close to 1 as 16 bits allow (to 0.001).

    Small, it has one list, which is an exact search; `retrain` splits it into many once that pays. The inverted
    file finds a ticket to remove through a hash table (0.04 ms at 100,000 tickets, against 8.8 ms in a flat index).

    Args:
        dim: width of a vector.
        exact_limit: tickets up to which one list is kept. A batch of 64 at 512 dimensions took 8, 20 and 69 ms in
            one list of 10, 20 and 50 thousand, and 1.3, 2.1 and 5.6 ms in many, on two cores.
    """

    def __init__(self, dim: int, exact_limit: int = 20_000) -> None:
        self._dim, self._exact_limit = dim, exact_limit
        self._lock = threading.Lock()  # held for every touch of the fields below
        self._retraining = threading.Lock()  # one retraining at a time
        self._index = _inverted(dim, 1, np.zeros((1, dim), dtype=np.float32))
        self._trained_on = 0
        self._keys: dict[str, int] = {}
        self._tickets: dict[int, str] = {}
        self._waiting: dict[int, Vectors] = {}  # not in the index yet
        self._next_key = 0

    def __len__(self) -> int:
        with self._lock:
            return len(self._keys)

    def put(self, ticket_id: str, vector: Vectors) -> None:
        """As match.IndexedTickets says.

        Raises:
            ValueError: the vector is not [dim] finite numbers.
        """
        if vector.shape != (self._dim,) or not np.isfinite(vector).all():
            raise ValueError(f"a vector must have {self._dim} finite components")
        _on_one_thread()
        row = vector.astype(np.float32)  # a copy: it may wait
        with self._lock:
            self._forget(ticket_id)
            key, self._next_key = self._next_key, self._next_key + 1
            self._waiting[key] = row
            self._keys[ticket_id], self._tickets[key] = key, ticket_id
            if len(self._waiting) >= _BLOCK:
                self._put_in()

    def remove(self, ticket_id: str) -> bool:
        """As match.IndexedTickets says."""
        with self._lock:
            return self._forget(ticket_id)

    def search(self, queries: Vectors, k: int) -> list[list[tuple[str, float]]]:
        """As match.IndexedTickets says. Equal similarities: the ticket put first stands first."""
        if not len(queries):
            return []
        _on_one_thread()
        asked = np.ascontiguousarray(queries, dtype=np.float32)
        with self._lock:
            self._put_in()
            similarities, keys = self._index.search(asked, k)
            order = np.lexsort((keys, -similarities), axis=1)
            values = np.minimum(np.take_along_axis(similarities, order, 1), 1.0).tolist()
            ordered = np.take_along_axis(keys, order, 1).tolist()
            return [
                [(self._tickets[key], value) for value, key in zip(*pair, strict=True) if key >= 0]
                for pair in zip(values, ordered, strict=True)
            ]

    @property
    def retraining_due(self) -> bool:
        """Whether the tickets have outgrown the lists: past the exact limit, and doubled since the last time."""
        size = len(self)
        return size > self._exact_limit and size >= 2 * self._trained_on

    def retrain(self) -> None:
        """Build an index with as many lists as the tickets now ask for, and swap it in.

        Others go on searching and changing the old one meanwhile; what changed is carried over at the swap.
        """
        _on_one_thread()
        with self._retraining:
            with self._lock:
                self._put_in()
                before, vectors = _contents(self._index, self._dim)
            lists = 1 if len(before) <= self._exact_limit else lists_for(len(before))
            training = vectors if lists > 1 else np.zeros((1, self._dim), dtype=np.float32)
            fresh = _inverted(self._dim, lists, training)
            fresh.add_with_ids(vectors, before)
            with self._lock:
                self._put_in()
                after, rows = _contents(self._index, self._dim, newer_than=before.max(initial=-1))
                gone = before[~np.isin(before, np.fromiter(self._tickets, np.int64, len(self._tickets)))]
                if len(gone):
                    fresh.remove_ids(_faiss.IDSelectorArray(gone))
                if len(after):
                    fresh.add_with_ids(rows, after)
                self._index, self._trained_on = fresh, len(self._keys)

    def _forget(self, ticket_id: str) -> bool:
        """Drop a ticket if it is held; the caller holds the lock."""
        key = self._keys.pop(ticket_id, None)
        if key is None:
            return False
        del self._tickets[key]
        if self._waiting.pop(key, None) is None:
            self._index.remove_ids(_faiss.IDSelectorArray(np.array([key], dtype=np.int64)))
        return True

    def _put_in(self) -> None:
        """Put what waits into the index; the caller holds the lock."""
        if self._waiting:
            keys = np.fromiter(self._waiting, np.int64, len(self._waiting))
            self._index.add_with_ids(np.stack(list(self._waiting.values())), keys)
            self._waiting.clear()


def lists_for(tickets: int) -> int:
    """Lists for so many tickets: the power of two near 2.5 times the root (512 at 42,853 tickets and 2,048 at a
    million were measured), and never so many that one has fewer than the 39 training points FAISS asks for."""
    wanted = 2 ** round(np.log2(2.5 * tickets**0.5))
    return int(max(1, min(wanted, tickets // 39)))


def _inverted(dim: int, lists: int, training: Vectors) -> Any:
    quantizer = faiss.IndexFlatIP(dim)
    index: Any = faiss.IndexIVFScalarQuantizer(
        quantizer, dim, lists, _faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT, False
    )
    index.quantizer_trains_alone = 0
    index.cp.seed = 0
    index.cp.max_points_per_centroid = _TRAINING_POINTS
    index.cp.min_points_per_centroid = 1  # the single list is trained on one point, and that is no mistake
    index.train(training)
    index.nprobe = max(1, lists // 16)  # 32 of 512 found .987 of the true ten nearest
    index.set_direct_map_type(_faiss.DirectMap.Hashtable)
    return index


def _contents(index: Any, dim: int, newer_than: int = -1) -> tuple[Rows, Vectors]:
    """Keys [n] and vectors [n, dim] held by an inverted file of 16-bit floats, by key, those above `newer_than`."""
    lists = index.invlists
    keys, vectors = [np.empty(0, dtype=np.int64)], [np.empty((0, dim), dtype=np.float16)]
    for number in range(index.nlist):
        size = lists.list_size(number)
        if size:
            ids: Rows = _faiss.rev_swig_ptr(lists.get_ids(number), size).copy()
            codes: NDArray[np.uint8] = _faiss.rev_swig_ptr(lists.get_codes(number), size * dim * 2).copy()
            wanted = ids > newer_than
            keys.append(ids[wanted])
            vectors.append(codes.view(np.float16).reshape(size, dim)[wanted])
    joined = np.concatenate(keys)
    order = np.argsort(joined)
    return joined[order], np.concatenate(vectors)[order].astype(np.float32)
