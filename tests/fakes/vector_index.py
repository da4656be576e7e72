"""NumPy in place of FAISS: the same two protocols, written to be seen through."""

import numpy as np

from models.vote import Rows, Similarities, Vectors


class NumpyIndex:
    """vote.VectorIndex by one matrix product and a stable sort."""

    def __init__(self, matrix: Vectors) -> None:
        self._matrix = matrix.copy()

    def search(self, queries: Vectors, k: int) -> tuple[Similarities, Rows]:
        every = (queries.astype(np.float64) @ self._matrix.astype(np.float64).T).astype(np.float32)
        rows = np.argsort(-every, axis=1, kind="stable")[:, :k].astype(np.int64)
        missing = ((0, 0), (0, k - rows.shape[1]))
        best = np.take_along_axis(every, rows, 1)
        return np.pad(best, missing, constant_values=-np.inf), np.pad(rows, missing, constant_values=-1)


class NumpyTickets:
    """match.IndexedTickets over a dictionary, which keeps the order in which tickets were put."""

    def __init__(self, dim: int) -> None:
        self._held: dict[str, Vectors] = {}
        self._dim = dim

    def __len__(self) -> int:
        return len(self._held)

    def put(self, ticket_id: str, vector: Vectors) -> None:
        self._held.pop(ticket_id, None)
        self._held[ticket_id] = vector.astype(np.float16).astype(np.float32)

    def remove(self, ticket_id: str) -> bool:
        return self._held.pop(ticket_id, None) is not None

    def search(self, queries: Vectors, k: int) -> list[list[tuple[str, float]]]:
        names = list(self._held)
        index = NumpyIndex(
            np.array(list(self._held.values()), dtype=np.float32).reshape(len(names), self._dim)
        )
        similarities, rows = index.search(queries, k)
        return [
            [(names[row], value) for value, row in zip(*pair, strict=True) if row >= 0]
            for pair in zip(np.minimum(similarities, 1.0).tolist(), rows.tolist(), strict=True)
        ]
