"""Learn the head: kernel ridge and logistic regression over the exemplars, and what they say of tickets held back.

Held-back answers of the kernel part come in closed form from the inverse of one matrix, for any group of tickets left
out together (for single rows: Allen 1974's PRESS; for groups: Pahikkala et al. 2006); the linear part is trained anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import lapack
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold

from models.errors import BadGeneration
from models.evidence import HEAD_GRID, kernel, log_odds
from models.exact import Floats
from models.generation import Head, Lexicon
from models.lexicon import join
from models.vote import Rows, Vectors

Singles = NDArray[np.float32]

_BLOCK = 512

# Log-odds of a party that no exemplar belongs to.
_NEVER_SEEN = -30.0


@dataclass(frozen=True, slots=True)
class HeadPolicy:
    """How the head learns.

    Attributes:
        power: of the kernel. Held out from Banking77's train part 2, 3, 4 and 8 were right for .936, .939, .938 and
            .936, from Endava's tickets for .874, .873, .871 and .858; on CLINC150's validation part, from 7,000
            tickets, 2, 3, 4 and 6 for .946, .947, .948 and .945, with out-of-scope AUROC .977, .983, .986 and .987.
        ridge: how much a ticket's own label is doubted; .02 to .2 were within .4 points of each other there.
        smallest: exemplars from which on there is a head.
        most_parties: a head of more would outgrow the generation that carries it.
        held_back: exemplars that are held back in turn, at most: the inverse of 8,000 takes 10 s on two cores.
        copies_at: cosine from which on two tickets are held back together, as copies of one template.
        doubt: ridge of the linear part, as the inverse of scikit-learn's C. On 2,000 held-out texts of Banking77's
            train part C = 10 and 30 were within .3 points of each other.
        tolerance: of its gradient. At 1e-3 it stopped early and lost two points.
        rounds: parts that the linear part is held back in.
        tuned_on: exemplars that the lexical weight is tuned on.
        lexical_weights: the weights tried.
    """

    power: int = 4
    ridge: float = 0.05
    smallest: int = 20
    most_parties: int = 512
    held_back: int = 8_000
    copies_at: float = 0.9
    doubt: float = 1 / 20
    tolerance: float = 1e-4
    rounds: int = 3
    tuned_on: int = 2_500
    lexical_weights: tuple[float, ...] = (0.0, 0.35, 0.5, 0.7, 1.0)


@dataclass(frozen=True, slots=True)
class HeldBack:
    """Answers of heads that had not seen the ticket.

    Attributes:
        alone, linear: [m, parties] answers and log-odds without the ticket and its copies.
        unknown, unknown_linear: [m, parties] the same without any ticket of its problem, as if that were new.
    """

    alone: Singles
    linear: Floats
    unknown: Singles
    unknown_linear: Floats


def can_learn(party: Rows, policy: HeadPolicy) -> bool:
    """Whether exemplars of these parties are enough for a head."""
    count = len(np.unique(party))
    return len(party) >= policy.smallest and 2 <= count <= policy.most_parties


def fit_head(voters: Vectors, party: Rows, parties: int, policy: HeadPolicy) -> Head:
    """A head over settled hybrid vectors [E, width] of known party [E].

    Raises:
        BadGeneration: the vectors admit no solution.
    """
    factor = _factor(voters, policy)
    weights = _on_grid(_solve(factor, _targets(party, parties)))
    return Head(weights, policy.power, _on_grid(_fit_linear(voters, party, parties, policy)))


def sampled(count: int, most: int) -> Rows:
    """Up to `most` of `count` rows, taken evenly from all, ascending."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def held_back(
    vectors: Vectors, party: Rows, group: Rows, problem: Rows, parties: int, policy: HeadPolicy
) -> HeldBack:
    """Held-back answers for settled hybrid vectors [m, width] of known party [m]; rows of one `group` [m], and in the
    other role of one `problem` [m], are held back together."""
    factor = _factor(vectors, policy)
    targets = _targets(party, parties)
    weights, inverse = _solve(factor, targets), _inverse(factor)
    return HeldBack(
        alone=_without(group, targets, weights, inverse),
        linear=_linear_held_back(vectors, party, group, parties, policy),
        unknown=_without(problem, targets, weights, inverse),
        unknown_linear=_linear_held_back(vectors, party, problem, parties, policy),
    )


def tune_weight(
    lexicon: Lexicon, texts: Sequence[str], vectors: Vectors, party: Rows, policy: HeadPolicy
) -> float:
    """The lexical weight with which most of a sample of the exemplars are right when held back; the smaller of equals.

    Args:
        texts, vectors, party: of the exemplars; vectors [E, dim] are the encoder's.
    """
    rows = sampled(len(vectors), policy.tuned_on)
    sample, own = [texts[row] for row in rows], party[rows]
    targets = _targets(own, int(own.max()) + 1)
    unit = Lexicon(lexicon.terms, lexicon.idf, lexicon.components, 1.0)
    both = join(unit, sample, vectors[rows])  # parts of equal length, weighed anew below
    dim = vectors.shape[1]
    right: list[float] = []
    for weight in policy.lexical_weights:
        scaled = both * np.where(np.arange(both.shape[1]) < dim, 1.0, weight)
        hybrid = (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32)
        factor = _factor(hybrid, policy)
        group = copies(hybrid, policy.copies_at)
        alone = _without(group, targets, _solve(factor, targets), _inverse(factor))
        right.append(float((alone.argmax(axis=1) == own).mean()))
    return policy.lexical_weights[int(np.argmax(right))]


def copies(vectors: Vectors, at: float) -> Rows:
    """[n] int64 group numbers: rows of a cosine of at least `at` stand in one, and so do those linked by others."""
    ones: list[Rows] = []
    others: list[Rows] = []
    for start in range(0, len(vectors), _BLOCK):
        left, right = np.nonzero(vectors[start : start + _BLOCK] @ vectors.T >= at)
        ones.append(left + start)
        others.append(right)
    pairs = (np.concatenate(ones), np.concatenate(others))
    links = sparse.csr_matrix((np.ones(len(pairs[0]), dtype=np.bool_), pairs), shape=(len(vectors),) * 2)
    return np.asarray(sparse.csgraph.connected_components(links, directed=False)[1], dtype=np.int64)


def _fit_linear(vectors: Vectors, party: Rows, parties: int, policy: HeadPolicy) -> Floats:
    """Multinomial logistic regression [width + 1, parties]; parties without a row get `_NEVER_SEEN`."""
    linear = np.zeros((vectors.shape[1] + 1, parties))
    linear[-1] = _NEVER_SEEN
    seen = np.unique(party)
    if len(seen) < 2:
        return linear
    fitted = LogisticRegression(C=1 / policy.doubt, tol=policy.tolerance, max_iter=500).fit(vectors, party)
    coefficients, offsets = fitted.coef_, fitted.intercept_
    if len(seen) == 2:  # one row, for the second
        coefficients, offsets = np.vstack([-coefficients, coefficients]) / 2, np.append(-offsets, offsets) / 2
    linear[:-1, seen], linear[-1, seen] = coefficients.T, offsets
    return linear


def _linear_held_back(vectors: Vectors, party: Rows, group: Rows, parties: int, policy: HeadPolicy) -> Floats:
    """Log-odds [m, parties] of rows that the regression has not seen, in `policy.rounds` parts of whole groups."""
    found = np.zeros((len(vectors), parties))
    parts = min(policy.rounds, len(np.unique(group)))
    if parts < 2:
        return found
    for known, asked in GroupKFold(parts).split(vectors, groups=group):
        found[asked] = log_odds(
            vectors[asked], _fit_linear(vectors[known], party[known], parties, policy), parties
        )
    return found


def _on_grid(weights: NDArray[np.floating]) -> Singles:
    rounded: Singles = (np.rint(weights.astype(np.float64) * HEAD_GRID) / HEAD_GRID).astype(np.float32)
    return rounded


def _targets(party: Rows, parties: int) -> Singles:
    targets = np.zeros((len(party), parties), dtype=np.float32)
    targets[np.arange(len(party)), party] = 1.0
    return targets


def _factor(vectors: Vectors, policy: HeadPolicy) -> Singles:
    """Cholesky factor [n, n] of the kernel of all pairs with the ridge on its diagonal, in single precision."""
    count = len(vectors)
    matrix = np.empty((count, count), dtype=np.float32)
    for start in range(0, count, _BLOCK):
        products = (vectors[start : start + _BLOCK] @ vectors.T).astype(np.float64)
        matrix[start : start + _BLOCK] = kernel(products, policy.power)
    matrix[np.diag_indices(count)] += np.float32(policy.ridge)
    # Its transpose is itself, and lies in memory as LAPACK wants it: nothing is copied.
    factor, info = lapack.spotrf(matrix.T, lower=1, overwrite_a=1, clean=0)
    if info:
        raise BadGeneration("generation: the head cannot be learned from these vectors")
    found: Singles = factor
    return found


def _solve(factor: Singles, targets: Singles) -> Singles:
    weights: Singles = lapack.spotrs(factor, targets, lower=1)[0]
    return weights


def _inverse(factor: Singles) -> Singles:
    """The inverse [n, n], in the lower triangle; in place of the factor."""
    inverse: Singles = lapack.spotri(factor, lower=1, overwrite_c=1)[0]
    return inverse


def _without(group: Rows, targets: Singles, weights: Singles, inverse: Singles) -> Singles:
    """Answers [n, parties] for each row by a head that has seen none of its group."""
    answers = targets - weights / np.diag(inverse)[:, None]
    order = np.argsort(group, kind="stable")
    starts = np.flatnonzero(np.append(True, np.diff(group[order]) != 0))
    for members in np.split(order, starts[1:]):
        if len(members) > 1:
            block = np.tril(inverse[np.ix_(members, members)]).astype(np.float64)
            block += np.tril(block, -1).T
            answers[members] = targets[members] - np.linalg.solve(block, weights[members])
    return answers
