"""A company of problems that lie apart, for tests of what is new to it."""

from dataclasses import dataclass

import numpy as np

from models.emerging.group import Newcomer
from models.engines.graph import GRAPH
from models.engines.vector_index import ExactIndex
from models.evidence import Searchable, searchable
from models.learn.lexicon import LexiconPolicy
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.problems import MakePolicy
from models.vote import Vectors, settle

DIM, PROBLEMS, TEAMS = 48, 24, 6
_SPREAD = 0.07
HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Company:
    """Its generation, made of 24 of the 28 problems of `centres` [28, 48]."""

    centres: Vectors
    ready: Searchable

    def vectors(self, problem: int, count: int, seed: int) -> Vectors:
        """Tickets [count, 48] of a problem; those from 24 on are new."""
        return around(self.centres[problem], count, seed)

    def tickets(self, problem: int, count: int, seed: int, at_ms: int = 0) -> list[Newcomer]:
        """The same as the pool takes them, one an hour, of customers of their own; a new problem's with little
        confidence."""
        vectors = self.vectors(problem, count, seed)
        confidence = 0.3 if problem >= PROBLEMS else 1.0
        return [
            Newcomer(
                ticket_id=f"{problem}-{seed}-{number}",
                customer_id=f"customer {problem} {seed} {number}",
                at_ms=at_ms + number * HOUR_MS,
                text=f"problem {problem} as customer {number} tells it",
                vector=vector,
                confidence=confidence,
                owner=f"team-{problem % TEAMS}",
            )
            for number, vector in enumerate(vectors)
        ]


def around(centre: Vectors, count: int, seed: int) -> Vectors:
    """Settled unit rows [count, 48] near a centre."""
    rows = centre + np.random.default_rng(seed).normal(scale=_SPREAD, size=(count, DIM))
    return settle((rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32))


def company() -> Company:
    """The company, made by a seed."""
    rows = np.random.default_rng(5).normal(size=(PROBLEMS + 4, DIM))
    centres = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    vectors = np.concatenate([around(centres[problem], 40, problem) for problem in range(PROBLEMS)])
    problem = np.repeat(np.arange(PROBLEMS), 40).tolist()
    history = History(
        vectors=vectors,
        texts=[f"problem {one} told {number}" for number, one in enumerate(problem)],
        owners=[f"team-{one % TEAMS}" for one in problem],
        created_at_ms=np.arange(len(problem), dtype=np.int64),
    )
    made = first_generation(
        history,
        encoder="test",
        teams=[],
        now_ms=1,
        ways=GRAPH,
        build=ExactIndex,
        policy=MakePolicy(lexicon=LexiconPolicy(smallest=10**9)),  # the vectors say it all
    )
    return Company(centres, searchable(made.generation, ExactIndex))
