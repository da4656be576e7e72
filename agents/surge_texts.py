"""Surge texts: the words of the latest tickets of every cluster, for the descriptions of a surge. Beside surge."""

import threading
from collections import OrderedDict
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from agents.young import Young
from models.surge.examples import Described

# Enough of a cluster to choose five from, and of all clusters some 60 MB with vectors of 512.
_OF_A_CLUSTER = 40
_OF_ALL = 20_000
_MOST_CHARS = 2_000

_Held = tuple[int, str, NDArray[np.float16]]
"""When a ticket was decided on in epoch seconds, its text, and its vector [dim], at half of its size."""


class ClusterTexts:
    """The latest tickets by cluster, of the last day or so. Fed by the follower's thread, read by the agent's."""

    def __init__(self, of_a_cluster: int = _OF_A_CLUSTER, of_all: int = _OF_ALL) -> None:
        self._of_a_cluster, self._of_all = of_a_cluster, of_all
        self._changing = threading.Lock()
        self._clusters: dict[str, OrderedDict[str, _Held]] = {}
        self._cluster_of: OrderedDict[str, str] = OrderedDict()  # by ticket, in the order of their coming

    def __len__(self) -> int:
        return len(self._cluster_of)

    def take(self, young: Young) -> None:
        state = young.state
        with self._changing:
            self._drop(state.ticket_id)
            if state.cluster_id is None:
                return
            held = self._clusters.setdefault(state.cluster_id, OrderedDict())
            text, vector = state.text[:_MOST_CHARS], young.vector.astype(np.float16)
            held[state.ticket_id] = (young.at_ms // 1000, text, vector)
            self._cluster_of[state.ticket_id] = state.cluster_id
            if len(held) > self._of_a_cluster:
                self._drop(next(iter(held)))
            if len(self._cluster_of) > self._of_all:
                self._drop(next(iter(self._cluster_of)))

    def forget(self, ticket_id: str) -> None:
        with self._changing:
            self._drop(ticket_id)

    def of(self, clusters: Iterable[str], since_s: int) -> list[Described]:
        """Tickets of these clusters that were decided on since then."""
        with self._changing:
            found = [
                (ticket_id, *held)
                for cluster_id in clusters
                for ticket_id, held in self._clusters.get(cluster_id, {}).items()
                if held[0] >= since_s
            ]
        return [Described(name, at_s, text, half.astype(np.float32)) for name, at_s, text, half in found]

    def _drop(self, ticket_id: str) -> None:
        cluster_id = self._cluster_of.pop(ticket_id, None)
        if cluster_id is None:
            return
        held = self._clusters[cluster_id]
        del held[ticket_id]
        if not held:
            del self._clusters[cluster_id]
