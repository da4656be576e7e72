"""Name: what a cluster is called, from the words that set its tickets apart. After cluster and calibrate."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from posixpath import commonprefix

from models.words import HAN, cut_han, is_han, tells

KEYWORDS = 8
TERMS_IN_NAME = 3
_JOIN = " · "
# Of a large cluster so many texts are read: more do not change its first words.
_MOST_TEXTS = 400

_MASK = re.compile(r"\[[A-Z][A-Z0-9_]*\]")
# A run of Chinese, or a word of another script: letters first, so that numbers alone are no words.
_RUN = re.compile(rf"[{HAN}]+|[^\W\d_{HAN}](?:[^\W_{HAN}]|['’_.+-](?=[^\W_{HAN}]))*")


@dataclass(frozen=True, slots=True)
class Name:
    """A name, unique among those made together, and up to eight keywords, most telling first."""

    name: str
    keywords: tuple[str, ...]


def name_clusters(
    texts: Mapping[int, Sequence[str]], given: Mapping[int, str], said: Mapping[int, str] | None = None
) -> dict[int, Name]:
    """A name for each cluster.

    Args:
        texts: masked texts of each cluster.
        given: names that people gave or, for a cluster without telling words, what to call it then. A cluster
            whose given name is another's too gets its first words added.
        said: names that stand as they are, also where a person gave one twice; of others too, which nobody else gets.

    A term's weight is p log(p / q) ** 1.5, p its share of the cluster's texts and q that of all texts: the cluster's
    part of the Kullback-Leibler divergence with what is rare elsewhere put forward; a pair of words counts 1.3 times,
    since it says more ("exchange rate" before "rate"). Both figures were set by reading the names of Banking77's 77
    intents. A name is made of the first three terms of which none is part or another form of another.
    """
    terms = {cluster: _terms(items) for cluster, items in texts.items()}
    overall: Counter[str] = Counter()
    for found in terms.values():
        overall.update(found.counts)
    total = sum(found.texts for found in terms.values())
    said = said or {}
    taken = set(said.values())
    names: dict[int, Name] = {}
    for cluster in sorted(texts, key=lambda one: (one not in given, one)):  # what has a name keeps it
        keywords = tuple(_telling(terms[cluster], overall, total))
        if cluster in said:
            names[cluster] = Name(said[cluster], keywords)
            continue
        base = [given[cluster]] if cluster in given else list(keywords[:TERMS_IN_NAME])
        names[cluster] = Name(_unique(base, keywords, cluster, taken), keywords)
        taken.add(names[cluster].name)
    return names


@dataclass(frozen=True, slots=True)
class _Terms:
    """In how many of a cluster's texts each term stands, and how it is most often written, and which are pairs."""

    counts: Counter[str]
    spelling: dict[str, str]
    pairs: frozenset[str]
    texts: int


def _terms(texts: Sequence[str]) -> _Terms:
    counts: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = {}
    pairs: set[str] = set()
    sample = texts[:: max(1, len(texts) // _MOST_TEXTS)]
    for text in sample:
        words, joined = _terms_of(text)
        pairs |= joined.keys()
        counts.update(words.keys() | joined.keys())
        for term, spelling in (words | joined).items():
            spellings.setdefault(term, Counter())[spelling] += 1
    common = {term: min(seen, key=lambda word: (-seen[word], word)) for term, seen in spellings.items()}
    return _Terms(counts, common, frozenset(pairs), len(sample))


def _terms_of(text: str) -> tuple[dict[str, str], dict[str, str]]:
    """Words, and pairs of neighbouring words, each folded with how it is written. A stop word or mask parts a pair."""
    single: dict[str, str] = {}
    joined: dict[str, str] = {}
    for stretch in _MASK.split(text):
        words = list(_words(stretch))
        single.update((word.casefold(), word) for word in words if word is not None)
        for left, right in pairwise(words):
            if left is not None and right is not None and left.casefold() != right.casefold():
                both = left + right if is_han(left) and is_han(right) else f"{left} {right}"
                joined[both.casefold()] = both
    return single, joined


def _words(text: str) -> Iterable[str | None]:
    """The words of a text in order; None stands where a word that tells nothing was."""
    for run in _RUN.findall(text):
        for piece in cut_han(run) if is_han(run) else [run]:
            yield piece if len(piece) > 1 and tells(piece) else None


def _telling(found: _Terms, overall: Counter[str], total: int) -> list[str]:
    """Up to eight terms by weight, none part of another; those of a single text count where it is all there is."""
    least = 2 if found.texts > 3 else 1

    def weight(term: str) -> float:
        share = found.counts[term] / found.texts
        apart: float = max(0.0, log(share * total / overall[term])) ** 1.5 * (
            1.3 if term in found.pairs else 1.0
        )
        return share * (apart + 1e-3)  # where nothing sets a cluster apart, what is frequent names it

    ranked = sorted(
        (t for t, n in found.counts.items() if n >= least), key=lambda t: (-weight(t), -len(t), t)
    )
    chosen: list[str] = []
    for term in ranked:
        if len(chosen) == KEYWORDS:
            break
        if not any(_alike(term, other) for other in chosen):
            chosen.append(term)
    return [found.spelling[term] for term in chosen]


def _alike(one: str, other: str) -> bool:
    """Whether a term is part of the other, or another form of its first word (exchange, exchanging)."""
    one, other = (term.replace("-", " ").replace("'", "").replace("’", "") for term in (one, other))
    if one in other or other in one:
        return True
    longer = max(len(one), len(other))
    return len(commonprefix([one, other])) >= max(4, 0.6 * longer)


def _unique(base: list[str], keywords: Sequence[str], cluster: int, taken: set[str]) -> str:
    spare = [word for word in keywords if word not in base]
    parts = base or [f"#{cluster + 1}"]
    while _JOIN.join(parts) in taken:
        parts = [*parts, spare.pop(0) if spare else f"#{cluster + 1}"]
    return _JOIN.join(parts)
