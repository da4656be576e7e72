"""Peers: other routers on the very vectors that Sluice was measured on, in the same run.

Each is set up as its own documentation says and cut at the same target error by its own means.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from time import perf_counter
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from app.evaluate.scores import NOBODY, Codes, Decided, Flags, Numbers, cut, join, routing_scores
from models.vote import Vectors

# Of the inverse strength of regularisation; the best for unit vectors of 384 and 512 dimensions lies within.
_STRENGTHS = (3.0, 10.0, 30.0, 100.0)
_FOLDS = 3

# At 1e-3 it stops early, and loses 2 points on Banking77.
_TOLERANCE = 1e-4

# Labelled queries that semantic-router calibrates itself on: one of so many, and no more than are of use to a curve
# of two parameters.
_HELD_OUT = 5
_MOST_HELD_OUT = 1_000


class Unable(Exception):
    """A peer that cannot be measured, with one line of why."""


@dataclass(frozen=True, slots=True)
class Task:
    """What a peer is given and asked.

    Attributes:
        known: [n, dim] vectors to learn from, with `owners` [n].
        asked: [m, dim] vectors to answer for: those of the scored rows that are `answered`.
        answered: [k] which of the scored rows could be read; `truth` [k] is theirs.
        target_error: share of wrong ones to cut at.
    """

    known: Vectors
    owners: Codes
    asked: Vectors
    answered: Flags
    truth: Codes
    target_error: float
    seed: int


@dataclass(frozen=True, slots=True)
class Answer:
    """A peer's first owner, confidence and whether it routes, [m] each; and what it chose for itself."""

    first: Codes
    confidence: Numbers
    routed: Flags
    about: dict[str, Any]


def measure_peers(tasks: Sequence[Task], ours: dict[str, Any], step: Callable[[str], None]) -> dict[str, Any]:
    """The scores of every peer over the tasks, or why it is missing.

    Beside them: `difference`, ours less theirs, and `error_ratio`, our share of wrong first owners to theirs.
    """
    found: dict[str, Any] = {}
    for name, ask in PEERS.items():
        step(f"peer: {name}, {len(tasks[0].known)} texts")
        started = perf_counter()
        try:
            answers = [ask(task) for task in tasks]
        except Unable as reason:
            found[name] = {"missing": str(reason)}
            continue
        decided = join([_decided(*pair) for pair in zip(tasks, answers, strict=True)])
        scores = routing_scores(decided, tasks[0].target_error)
        found[name] = {
            **scores,
            **compared(ours, scores),
            "chose": [answer.about for answer in answers],
            "seconds": round(perf_counter() - started, 2),
        }
    return found


def compared(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Differences of the scores that both have, and the ratio of the wrong first owners; None without any."""
    both = [key for key in theirs if key != "n" and theirs[key] is not None and ours.get(key) is not None]
    wrong = 1.0 - (theirs["accuracy"] or 0.0)
    return {
        "difference": {key: round(ours[key] - theirs[key], 4) for key in both},
        "error_ratio": round((1.0 - (ours["accuracy"] or 0.0)) / wrong, 3) if wrong else None,
    }


def _decided(task: Task, answer: Answer) -> Decided:
    """A row that could not be read gets no answer, as with us."""
    count, rows = len(task.truth), np.flatnonzero(task.answered)
    first = np.full(count, NOBODY, dtype=np.int64)
    confidence, routed = np.zeros(count), np.zeros(count, dtype=bool)
    first[rows], confidence[rows], routed[rows] = answer.first, answer.confidence, answer.routed
    return Decided(task.truth, first, routed, confidence, in_scope=confidence)


def logistic_regression(task: Task) -> Answer:
    """scikit-learn's, its strength chosen by cross-validation; it routes from the confidence on at which the answers
    on the folds that were held out kept to the target error."""
    if len(np.unique(task.owners)) < 2:
        raise Unable("logistic regression needs at least two labels")
    strength, threshold = _tuned(task)
    first, confidence = _predict(_fitted(task.known, task.owners, strength), task.asked)
    return Answer(first, confidence, confidence >= threshold, {"C": strength, "route_at": _finite(threshold)})


def _tuned(task: Task) -> tuple[float, float]:
    """The strength that answers best where it was not fitted, and the confidence to route from with it."""
    folds = min(_FOLDS, int(np.bincount(task.owners).max()))
    if folds < 2:  # one text a label: nothing can be held out
        return _STRENGTHS[1], float("inf")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of labels with fewer texts than folds
        parts = list(
            StratifiedKFold(folds, shuffle=True, random_state=task.seed).split(task.known, task.owners)
        )
    trials: list[tuple[float, float, float]] = []
    for strength in _STRENGTHS:
        first, confidence = np.empty_like(task.owners), np.empty(len(task.owners))
        for learnt, held in parts:
            model = _fitted(task.known[learnt], task.owners[learnt], strength)
            first[held], confidence[held] = _predict(model, task.known[held])
        right = first == task.owners
        trials.append((float(right.mean()), strength, cut(confidence, right, task.target_error)))
    _, strength, threshold = max(trials, key=lambda trial: trial[0])  # of equals the first, most regularised
    return strength, threshold


def _fitted(vectors: Vectors, owners: Codes, strength: float) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, tol=_TOLERANCE, max_iter=1_000).fit(vectors, owners)


def _predict(model: Any, vectors: Vectors) -> tuple[Codes, Numbers]:
    probabilities = model.predict_proba(vectors)
    return model.classes_[probabilities.argmax(axis=1)], probabilities.max(axis=1).astype(np.float64)


def semantic_router(task: Task, aggregation: str) -> Answer:
    """semantic-router's IndexedRouter over its own local index, with its defaults but for the aggregation.

    It calibrates itself (Platt) on queries that it does not store: a fifth of each label's texts, held out of an
    index of the others; then all of them are stored, and it routes from a confidence of 1 - target error on. A text
    goes in under its number, so that texts that read alike stay two.
    """
    try:
        from semantic_router import IndexedRouter, Route
        from semantic_router.encoders import DenseEncoder
    except ImportError:
        raise Unable("semantic-router is not installed; run with `uv run --group bench`") from None
    vectors = np.concatenate([task.known, task.asked])

    class Given(DenseEncoder):
        """Hands out the vector of a text that is named by its number."""

        def __call__(self, docs: list[str]) -> list[Any]:
            return list(vectors[[int(name) for name in docs]])

    def router(rows: Codes, calibrator: Any) -> Any:
        routes = [
            Route(name=str(owner), utterances=[str(row) for row in rows[task.owners[rows] == owner].tolist()])
            for owner in np.unique(task.owners[rows]).tolist()
        ]
        return IndexedRouter(Given(name="given"), routes, aggregation=aggregation, calibrator=calibrator)

    held = _held_out(task)
    calibrator, why = None, "no label has a second text"
    if len(held):
        stored = np.setdiff1d(np.arange(len(task.known)), held)
        trial = router(stored, None)
        try:
            trial.fit(
                [str(row) for row in held.tolist()], [str(owner) for owner in task.owners[held].tolist()]
            )
            calibrator = trial.calibrator
        except ValueError as error:  # all of them right, or all wrong
            why = str(error)
    full = router(np.arange(len(task.known)), calibrator)
    # A threshold of minus infinity gives its first choice whatever its confidence; its own bar is applied beside.
    choices = [
        full(str(row), threshold=-np.inf) for row in range(len(task.known), len(task.known) + len(task.asked))
    ]
    confidence = np.array([choice.confidence for choice in choices], dtype=np.float64)
    bar = 1.0 - task.target_error if calibrator is not None else -np.inf  # by default it has none
    about = {"version": version("semantic-router"), "held_out": len(held)}
    return Answer(
        first=np.array([int(choice.name) for choice in choices], dtype=np.int64),
        confidence=confidence,
        routed=confidence >= bar,
        about=about if calibrator is not None else {**about, "not_calibrated": why},
    )


def _held_out(task: Task) -> Codes:
    """A fifth of each label's rows, at least one where it has two, drawn by the seed."""
    chance = np.random.default_rng(task.seed)
    drawn: list[int] = []
    for owner in np.unique(task.owners).tolist():
        rows = chance.permutation(np.flatnonzero(task.owners == owner))
        drawn += rows[: max(len(rows) // _HELD_OUT, int(len(rows) > 1))].tolist()
    return np.sort(chance.permutation(np.array(drawn, dtype=np.int64))[:_MOST_HELD_OUT])


def _finite(number: float) -> float | None:
    return round(number, 6) if np.isfinite(number) else None


PEERS: dict[str, Callable[[Task], Answer]] = {
    "logistic_regression": logistic_regression,
    "semantic_router": partial(semantic_router, aggregation="mean"),
    "semantic_router_sum": partial(semantic_router, aggregation="sum"),
}
