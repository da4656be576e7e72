"""Problems: the lexicon of a history, and the groups that its tickets fall into. First step of making a generation."""

from dataclasses import dataclass, field, replace

import numpy as np

from models.generation import Lexicon
from models.learn.confidence import ConfidencePolicy
from models.learn.head import HeadPolicy, can_learn, tune_weight
from models.learn.lexicon import LexiconPolicy, fit_lexicon
from models.lexicon import join
from models.recluster.cluster import Fallback, Labels, Ways
from models.recluster.exemplars import ExemplarPolicy
from models.recluster.history import Group, History, canonical_order, check_history, find_groups, keys_of
from models.vote import Rows, Vectors, VotePolicy, parties


@dataclass(frozen=True, slots=True)
class MakePolicy:
    """The policies of the steps, the weight of the lexical part where it cannot be tuned, and the minutes promised for
    an owner that the teams do not list."""

    lexicon: LexiconPolicy = field(default_factory=LexiconPolicy)
    lexical_weight: float = 0.5
    exemplars: ExemplarPolicy = field(default_factory=ExemplarPolicy)
    head: HeadPolicy = field(default_factory=HeadPolicy)
    confidence: ConfidencePolicy = field(default_factory=ConfidencePolicy)
    vote: VotePolicy = field(default_factory=VotePolicy)
    default_sla_minutes: int = 480


@dataclass(frozen=True, slots=True)
class Problems:
    """What a history of n tickets falls into.

    Attributes:
        lexicon: learned from it; None where it is too small for one.
        vectors: [n, width] the hybrid vectors of its rows.
        keys: n, a digest of each text.
        order: [n] the rows in an order that the tickets themselves set.
        groups: one for each cluster.
        assignment: [n] the group of each row, -1 where it was left out.
        noise: rows that the clusterer held in none.
        fallbacks: where clustering failed: (owner or None, why).
    """

    lexicon: Lexicon | None
    vectors: Vectors
    keys: list[str]
    order: Rows
    groups: list[Group]
    assignment: Labels
    noise: int
    fallbacks: list[tuple[str | None, Fallback]]


def find_problems(history: History, ways: Ways, policy: MakePolicy) -> Problems:
    """The lexicon of a history and the groups of its tickets; the same tickets in any order give the same.

    Raises:
        BadGeneration: an empty history, or one whose columns differ in length.
    """
    check_history(history)
    keys = keys_of(history)
    order = canonical_order(history, keys)
    lexicon = learn_lexicon(history, order, policy)
    hybrid = join(lexicon, history.texts, history.vectors)
    found = find_groups(replace(history, vectors=hybrid), order, ways)
    assignment = np.full(len(keys), -1, dtype=np.int64)
    for number, group in enumerate(found.groups):
        assignment[group.rows] = number
    return Problems(lexicon, hybrid, keys, order, found.groups, assignment, found.noise, found.fallbacks)


def learn_lexicon(history: History, order: Rows, policy: MakePolicy) -> Lexicon | None:
    """The lexicon of the history, its weight tuned on the tickets whose owners are known."""
    lexicon = fit_lexicon([history.texts[row] for row in order], policy.lexicon, policy.lexical_weight)
    owned = np.array([row for row in order.tolist() if history.owners[row] is not None], dtype=np.int64)
    own = parties([history.owners[row] for row in owned])
    if lexicon is None or not can_learn(own, policy.head):
        return lexicon
    texts = [history.texts[row] for row in owned]
    return replace(lexicon, weight=tune_weight(lexicon, texts, history.vectors[owned], own, policy.head))
