"""Name: what a cluster is called, from the words that set its tickets apart. After cluster and calibrate."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log
from posixpath import commonprefix

from models.recluster.things import Sort, Things, things_of
from models.words import HAN, cut_han, is_han, tells

KEYWORDS = 8
TERMS_IN_NAME = 3
_JOIN = " · "
# Other terms in a name, by the number of things that lead it.
_BESIDE = (TERMS_IN_NAME, 2, 2, 1)
# Of a large cluster so many texts are read: more do not change its first words.
_MOST_TEXTS = 400

# Things that lead a name stand in so large a share of the cluster's texts, and there so many times as often as in all
# texts. Of a thing the model stands where so large a share of those who name it mean that one.
_LEAST_SHARE = 0.4
_LEAST_LIFT = 2.0
_ONE_MODEL = 0.6

_MASK = re.compile(r"\[[A-Z][A-Z0-9_]*\]")
_SENTENCE = re.compile(r"[。！？；\n]|[.!?;:](?=\s|$)")
# A run of Chinese, or a word of another script: letters first, so that numbers alone are no words.
_RUN = re.compile(rf"[{HAN}]+|[^\W\d_{HAN}](?:[^\W_{HAN}]|['’_.+-](?=[^\W_{HAN}]))*")
_VERSION = re.compile(r"[vV]\d[\d.]*")
_CODE = re.compile(r"[A-Z0-9_.-]*\d[A-Z0-9_.-]*|[A-Z_]{2,}")


@dataclass(frozen=True, slots=True)
class Name:
    """A name, unique among those made together, and up to eight keywords, most telling first."""

    name: str
    keywords: tuple[str, ...]


def name_clusters(
    texts: Mapping[int, Sequence[str]],
    given: Mapping[int, str],
    said: Mapping[int, str] | None = None,
    products: Collection[str] = (),
) -> dict[int, Name]:
    """A name for each cluster.

    Args:
        texts: masked texts of each cluster.
        given: names that people gave or, for a cluster without telling words, what to call it then. A cluster
            whose given name is another's too gets its first words added.
        said: names that stand as they are, also where a person gave one twice; of others too, which nobody else gets.
        products: of the company's own, by name.

    A term's weight is p log(p / q) ** 1.5, p its share of the cluster's texts and q that of all texts: the cluster's
    part of the Kullback-Leibler divergence with what is rare elsewhere put forward; a pair of words counts 1.3 times,
    since it says more ("exchange rate" before "rate"). Both figures were set by reading the names of Banking77's 77
    intents.

    A name begins with the product, the app and the system or device that tell the cluster apart, where one does
    ("微信 · iOS"), and goes on with the first terms of which none is part or another form of another: in the language
    of most of its texts, or of no language, like an error code. It has three parts, four where several things lead it.
    """
    things = things_of(products)
    terms = {cluster: _terms(items, things) for cluster, items in texts.items()}
    overall: Counter[str] = Counter()
    for found in terms.values():
        overall.update(found.counts)
    total = sum(found.texts for found in terms.values())
    said = said or {}
    taken = set(said.values())
    names: dict[int, Name] = {}
    for cluster in sorted(texts, key=lambda one: (one not in given, one)):  # what has a name keeps it
        found = terms[cluster]
        keywords = tuple(found.spelling[term] for term in _telling(found, overall, total, KEYWORDS))
        if cluster in said:
            names[cluster] = Name(said[cluster], keywords)
            continue
        base = [given[cluster]] if cluster in given else _parts(found, overall, total)
        names[cluster] = Name(_unique(base, keywords, cluster, taken), keywords)
        taken.add(names[cluster].name)
    return names


@dataclass(frozen=True, slots=True)
class _Terms:
    """In how many of a cluster's texts each term stands.

    Attributes:
        spelling: how each is most often written.
        pairs: those of two words.
        things: of those that are things, what they are; `models`, the thing that each model is one of.
        han: texts with Chinese in them.
    """

    counts: Counter[str]
    spelling: dict[str, str]
    pairs: frozenset[str]
    things: dict[str, Sort]
    models: dict[str, str]
    han: int
    texts: int


def _terms(texts: Sequence[str], things: Things) -> _Terms:
    counts: Counter[str] = Counter()
    spellings: dict[str, Counter[str]] = {}
    pairs: set[str] = set()
    sorts: dict[str, Sort] = {}
    models: dict[str, str] = {}
    han = 0
    sample = texts[:: max(1, len(texts) // _MOST_TEXTS)]
    for text in sample:
        terms: dict[str, str] = {}
        start = 0
        for thing in things.find(text):
            _read(text[start : thing.start], terms, pairs)
            start = thing.end
            terms[thing.family], terms[thing.model] = thing.spelling
            sorts[thing.family] = sorts[thing.model] = thing.sort
            models[thing.model] = thing.family
        _read(text[start:], terms, pairs)
        han += any(map(is_han, terms))
        counts.update(terms.keys())
        for term, spelling in terms.items():
            spellings.setdefault(term, Counter())[spelling] += 1
    common = {term: min(seen, key=lambda word: (-seen[word], word)) for term, seen in spellings.items()}
    return _Terms(counts, common, frozenset(pairs), sorts, models, han, len(sample))


def _read(text: str, terms: dict[str, str], pairs: set[str]) -> None:
    """Words, and pairs of neighbouring words, each folded with how it is written. A stop word, a mask, the end of a
    sentence or a version parts a pair."""
    for stretch in _MASK.split(text):
        for sentence in _SENTENCE.split(stretch):
            words = list(_words(sentence))
            terms.update((word.casefold(), word) for word in words if word is not None)
            for left, right in pairwise(words):
                if left is not None and right is not None and left.casefold() != right.casefold():
                    both = left + right if is_han(left) and is_han(right) else f"{left} {right}"
                    terms[both.casefold()] = both
                    pairs.add(both.casefold())


def _words(text: str) -> Iterable[str | None]:
    """The words of a text in order; None stands where a word that tells nothing was."""
    for run in _RUN.findall(text):
        for piece in cut_han(run) if is_han(run) else [run]:
            plain = len(piece) > 1 and tells(piece) and not _VERSION.fullmatch(piece)
            yield piece if plain else None


def _parts(found: _Terms, overall: Counter[str], total: int) -> list[str]:
    """What a name is made of: things that tell it apart, then other terms, of its own language before others, and last
    things that do not tell it apart."""
    leads = _leads(found, overall, total)
    room = _BESIDE[len(leads)]
    chinese = 2 * found.han > found.texts

    def late(term: str) -> tuple[bool, bool]:
        foreign = is_han(term) != chinese and not _CODE.fullmatch(found.spelling[term])
        return term in found.things, foreign

    rest = sorted(_telling(found, overall, total, 2 * KEYWORDS, beside=leads), key=late)[:room]
    return [found.spelling[term] for term in (*leads, *rest)]


def _leads(found: _Terms, overall: Counter[str], total: int) -> list[str]:
    """Of each sort the thing that tells the cluster apart the most, if one does, in the order of the sorts."""
    best: dict[Sort, tuple[float, str]] = {}
    for thing in sorted(set(found.models.values())):
        mine = [model for model, family in found.models.items() if family == thing and model != thing]
        model = min(mine, key=lambda one: (-found.counts[one], one), default=thing)
        term = model if found.counts[model] >= _ONE_MODEL * found.counts[thing] else thing
        share = found.counts[term] / found.texts
        if share >= _LEAST_SHARE and share * total >= _LEAST_LIFT * overall[term]:
            sort, weight = found.things[term], _weight(term, found, overall, total)
            best[sort] = max(best.get(sort, (0.0, "")), (weight, term))
    return [best[sort][1] for sort in sorted(best)]


def _telling(
    found: _Terms, overall: Counter[str], total: int, most: int, beside: Sequence[str] = ()
) -> list[str]:
    """Up to `most` terms by weight, none part of another or of those `beside`; those of a single text count where it is
    all there is."""
    least = 2 if found.texts > 3 else 1
    ranked = sorted(
        (term for term, count in found.counts.items() if count >= least),
        key=lambda term: (-_weight(term, found, overall, total), -len(term), term),
    )
    chosen: list[str] = []
    for term in ranked:
        if len(chosen) == most:
            break
        if not any(_alike(term, other) for other in (*beside, *chosen)):
            chosen.append(term)
    return chosen


def _weight(term: str, found: _Terms, overall: Counter[str], total: int) -> float:
    share = found.counts[term] / found.texts
    apart: float = max(0.0, log(share * total / overall[term])) ** 1.5
    # Where nothing sets a cluster apart, what is frequent names it.
    return share * (apart * (1.3 if term in found.pairs else 1.0) + 1e-3)


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
