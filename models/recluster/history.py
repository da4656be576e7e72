"""The history that a first generation is made from, and how it falls into groups: one for each cluster."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import BadGeneration
from models.recluster.cluster import Fallback, Ways, problems_of_owner, problems_without_owner
from models.vote import Vectors


@dataclass(frozen=True, slots=True)
class History:
    """Past tickets, one a row.

    Attributes:
        vectors: [n, dim] float32 unit rows.
        texts: n masked texts; they name the clusters.
        owners: n, the team that solved it, None where unknown.
        created_at_ms: [n] int64.
        problems: n, a label that people gave the problem, None where they did not; or None altogether.
        ids: n, of the tickets; None where nothing has to name them.
        products: n, of the company's own, None where a ticket names none; or None altogether.
        solved_by: n, the article of the knowledge base that solved it, "" where it was solved without one, None where
            it is not solved; or None altogether.
    """

    vectors: Vectors
    texts: Sequence[str]
    owners: Sequence[str | None]
    created_at_ms: NDArray[np.int64]
    problems: Sequence[str | None] | None = None
    ids: Sequence[str] | None = None
    products: Sequence[str | None] | None = None
    solved_by: Sequence[str | None] | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """One cluster: its rows in the history, its owner and the label that people gave it."""

    rows: NDArray[np.int64]
    owner: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups found, how many rows were noise at first, and where the clusterer failed: (owner or None, why)."""

    groups: list[Group]
    noise: int
    fallbacks: list[tuple[str | None, Fallback]]


def check_history(history: History) -> None:
    """Raise BadGeneration where the history is empty or its columns differ in length."""
    count = len(history.texts)
    if count == 0:
        raise BadGeneration("generation: the history holds no tickets")
    columns = [history.vectors, history.owners, history.created_at_ms]
    optional = (history.problems, history.ids, history.products, history.solved_by)
    columns += [column for column in optional if column is not None]
    if history.vectors.ndim != 2 or any(len(column) != count for column in columns):
        raise BadGeneration("generation: the columns of the history differ in length")


def _problems(history: History) -> Sequence[str | None]:
    return [None] * len(history.texts) if history.problems is None else history.problems


def keys_of(history: History) -> list[str]:
    """A digest of each text, by which equal ones are known."""
    return [hashlib.sha256(text.encode()).hexdigest() for text in history.texts]


def canonical_order(history: History, keys: Sequence[str]) -> NDArray[np.int64]:
    """Rows in an order that the tickets themselves set, so that no result hangs on that of the file."""
    problems = _problems(history)
    rows = sorted(
        range(len(keys)),
        key=lambda row: (
            history.owners[row] or "",
            problems[row] or "",
            keys[row],
            int(history.created_at_ms[row]),
            history.vectors[row].tobytes(),
        ),
    )
    return np.array(rows, dtype=np.int64)


def find_groups(history: History, order: NDArray[np.int64], ways: Ways) -> Groups:
    """The groups of a history whose rows are taken in `order`; see first_generation for which rows go together."""
    problems = _problems(history)
    by_label: dict[tuple[str | None, str | None], list[int]] = {}
    for row in order.tolist():
        by_label.setdefault((history.owners[row], problems[row]), []).append(row)
    labelled = any(key != (None, None) for key in by_label)
    groups: list[Group] = []
    fallbacks: list[tuple[str | None, Fallback]] = []
    noise = 0
    for (owner, problem), members in by_label.items():
        rows = np.array(members, dtype=np.int64)
        if problem is not None:
            groups.append(Group(rows, owner, problem))
            continue
        if owner is None and labelled:
            continue
        vectors = history.vectors[rows]
        if owner is None:
            found = problems_without_owner(vectors, ways.without_owner)
        else:
            found = problems_of_owner(vectors, ways.within_owner)
        groups += [Group(rows[found.labels == label], owner, None) for label in range(found.count)]
        noise += found.noise
        fallbacks += [] if found.fallback is None else [(owner, found.fallback)]
    return Groups(groups, noise, fallbacks)
