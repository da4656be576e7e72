"""Explain: what in a ticket's text spoke for the cluster that it was matched with, and what would have changed that.
After decide and heat; no decision depends on it, and no ticket waits for it.

Each piece of the text is left out once, and weighed by how far the ticket falls away from the cluster then (occlusion:
Zeiler and Fergus 2014; of a text Li, Monroe and Jurafsky 2016).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from models.evidence import Searchable, gather
from models.exact import Floats
from models.generation import Cluster
from models.lexicon import join
from models.routing.corrections import Corrections, weigh_corrections
from models.routing.decide import DecidePolicy, is_known
from models.routing.encode import Encoder, encode
from models.routing.heat import Part, heat_of
from models.routing.match import Match, match
from models.routing.pack import PackPolicy
from models.routing.pieces import Piece, pieces_of, without
from models.vote import Vectors, VotePolicy

# Pieces that are left out together in search of another owner.
_TOGETHER = 3


@dataclass(frozen=True, slots=True)
class ExplainPolicy:
    """Bounds of an explanation that is asked for.

    Attributes:
        pieces: that a text is parted into.
        tokens: of all texts that are encoded at once; a long text has fewer pieces.
    """

    pieces: int = 24
    tokens: int = 2_048


@dataclass(frozen=True, slots=True)
class Ground:
    """What a ticket was, or is, matched with."""

    ready: Searchable
    vote: VotePolicy
    corrections: Corrections
    policy: DecidePolicy


@dataclass(frozen=True, slots=True)
class RunnerUp:
    """The second owner, with its best cluster and its share of the evidence."""

    owner: str | None
    cluster: Cluster
    probability: float


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """Words without which the ticket would go to another owner, or to none: a person would have to name one."""

    words: tuple[str, ...]
    owner: str | None
    cluster: Cluster


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a text is matched as it is.

    Attributes:
        heat: the text in order, weighed towards the cluster of the first candidate, whether the ticket is like the
            history or not.
        runner_up: None where there is but one owner.
        counterfactual: None where leaving out a few pieces changes nothing.
    """

    match: Match
    heat: tuple[Part, ...]
    runner_up: RunnerUp | None
    counterfactual: Counterfactual | None


def explain(
    text: str, query: Vectors, encoder: Encoder, pack: PackPolicy, ground: Ground, policy: ExplainPolicy
) -> Explanation:
    """Explain what a text is matched with; at most two batches of texts with something left out are encoded.

    Args:
        query: the text's settled hybrid vector [width].
    """
    found = match(query[None, :], ground.ready, ground.vote, ground.corrections)[0]
    most = max(1, policy.tokens // max(1, len(encoder.tokenize([text])[0])))
    pieces = pieces_of(text, min(policy.pieces, most))
    queries = _left_out(text, [[piece] for piece in pieces], encoder, pack, ground)
    centroid = ground.ready.vector_of(found.candidates[0].cluster)
    falls = query @ centroid - queries @ centroid
    drops = _drops(query, queries, ground)
    ranked = sorted(range(len(pieces)), key=lambda one: (-drops[one], -falls[one], one))
    by_weight = [pieces[number] for number in ranked]
    singles = [([pieces[number]], queries[number]) for number in ranked]
    other = _other_owner(found, singles if len(pieces) > 1 else [], ground)
    if other is None:
        sets = [[by_weight[0], piece] for piece in by_weight[1:most]] if len(pieces) > 2 else []
        sets += [by_weight[:_TOGETHER]] if len(pieces) > _TOGETHER else []
        more = _left_out(text, sets, encoder, pack, ground)
        other = _other_owner(found, list(zip(sets, more, strict=True)), ground)
    return Explanation(
        match=found,
        heat=heat_of(text, pieces, dict(enumerate(falls.tolist())), dict(enumerate(drops.tolist()))),
        runner_up=_runner_up(found),
        counterfactual=other,
    )


def _left_out(
    text: str, sets: Sequence[list[Piece]], encoder: Encoder, pack: PackPolicy, ground: Ground
) -> Vectors:
    """Settled hybrid vectors [n, width] of the text without each set of pieces."""
    if not sets:
        return np.empty((0, ground.ready.generation.width), dtype=np.float32)
    texts = [without(text, pieces) for pieces in sets]
    return join(ground.ready.generation.lexicon, texts, encode(encoder, texts, pack))


def _drops(query: Vectors, queries: Vectors, ground: Ground) -> Floats:
    """[n] by how much the probability of the query's first owner falls."""
    rows = np.vstack([query[None, :], queries])
    evidence = gather(rows, ground.ready, ground.vote)
    chances = weigh_corrections(rows, evidence, ground.ready, ground.corrections).probability
    of_first = chances[:, chances[0].argmax()]
    falls: Floats = of_first[0] - of_first[1:]
    return falls


def _other_owner(
    found: Match, tried: Sequence[tuple[list[Piece], Vectors]], ground: Ground
) -> Counterfactual | None:
    """The first of the sets of pieces that were left out without which the ticket has another owner; one that then has
    an owner before one that has none."""
    owner, best = _owner(found, ground), None
    queries = np.array([query for _, query in tried]).reshape(len(tried), ground.ready.generation.width)
    matches = match(queries, ground.ready, ground.vote, ground.corrections)
    for (pieces, _), one in zip(tried, matches, strict=True):
        other = _owner(one, ground)
        if other != owner and (best is None or (best.owner is None and other is not None)):
            in_order = sorted(pieces, key=lambda piece: piece.places)
            best = Counterfactual(tuple(piece.text for piece in in_order), other, one.candidates[0].cluster)
    return best


def _owner(found: Match, ground: Ground) -> str | None:
    """Whom decide would name."""
    known = is_known(found, ground.ready.generation, ground.policy)
    return found.candidates[0].owner if known else None


def _runner_up(found: Match) -> RunnerUp | None:
    first, *others = found.candidates
    other = next((one for one in others if one.owner != first.owner), None)
    return None if other is None else RunnerUp(other.owner, other.cluster, other.confidence)
