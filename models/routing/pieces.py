"""Pieces: a masked text parted into what can be left out of it to see what it does there. Before explain."""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from models.routing.mask import TOKEN
from models.words import HAN, cut_han, is_han, tells

# Masks that stand beside each other, a run of Chinese, or a word of another script or a number with what joins its
# parts (E-1001, 17.5, don't).
_RUN = re.compile(
    rf"(?P<mask>{TOKEN.pattern}(?:[\s,;:.，、；：。]*{TOKEN.pattern})*)|[{HAN}]+"
    rf"|[^\W_{HAN}](?:[^\W_{HAN}]|['’_.+/:#-](?=[^\W_{HAN}]))*"
)
_SENTENCE_END = re.compile("[.!?;…。！？；\n]")
_BLANKS = re.compile(" {2,}")


@dataclass(frozen=True, slots=True)
class Piece:
    """What is left out at once: the places [start, end) of a text where the same words stand, in order."""

    text: str
    places: tuple[tuple[int, int], ...]


def pieces_of(text: str, most: int) -> tuple[Piece, ...]:
    """At most `most` pieces of a text, in the order in which they first stand; never through a word or a mask.

    A piece is a word where there is room for all of them, else some neighbours with what stands between them. Words
    that tell nothing are in none by themselves, unless the text has no others.
    """
    words = list(_words(text))
    telling = [place for place in words if _tells(text[slice(*place)])] or words
    if len({_folded(text, place) for place in telling}) > most:
        telling = [(places[0][0], places[-1][1]) for places in _grouped(text, telling, most)]
    together: dict[str, list[tuple[int, int]]] = {}
    for place in telling:
        together.setdefault(_folded(text, place), []).append(place)
    return tuple(Piece(text[slice(*places[0])], tuple(places)) for places in together.values())


def without(text: str, pieces: Collection[Piece]) -> str:
    """The text with pieces left out, and no blank doubled by that."""
    kept, at = [], 0
    for start, end in sorted(place for piece in pieces for place in piece.places):
        kept.append(text[at:start])
        at = end
    return _BLANKS.sub(" ", "".join([*kept, text[at:]])).strip()


def laid_out(text: str, pieces: Sequence[Piece]) -> Iterator[tuple[str, int | None]]:
    """The whole text in order, cut where a piece begins or ends: each part with the number of its piece, None where
    it is in none."""
    at = 0
    places = sorted((place, number) for number, piece in enumerate(pieces) for place in piece.places)
    for (start, end), number in places:
        if start > at:
            yield text[at:start], None
        yield text[start:end], number
        at = end
    if at < len(text):
        yield text[at:], None


def _grouped(text: str, words: Sequence[tuple[int, int]], most: int) -> Iterator[Sequence[tuple[int, int]]]:
    """At most `most` runs of neighbouring words, about as many in each, parted where a sentence or a clause ends if one
    ends near."""
    breaks = [_break(text[left[1] : right[0]]) for left, right in pairwise(words)]
    reach = max(1, len(words) // (2 * most))
    cuts = set()
    for number in range(1, most):
        wanted = len(words) * number // most
        near = range(max(1, wanted - reach), min(len(words), wanted + reach + 1))
        cuts.add(max(near, key=lambda cut: (breaks[cut - 1], -abs(cut - wanted))))
    for start, end in pairwise([0, *sorted(cuts), len(words)]):
        yield words[start:end]


def _break(between: str) -> int:
    """How much what stands between two words parts them."""
    if _SENTENCE_END.search(between):
        return 2
    return 0 if not between or between.isspace() or between.isalnum() else 1


def _words(text: str) -> Iterator[tuple[int, int]]:
    for run in _RUN.finditer(text):
        start = run.start()
        if run["mask"] is None and is_han(run[0]):
            for word in cut_han(run[0]):
                yield start, start + len(word)
                start += len(word)
        else:
            yield run.span()


def _tells(word: str) -> bool:
    """A single letter tells nothing; a single Chinese character or a digit may."""
    return tells(word) and (len(word) > 1 or is_han(word) or word.isdecimal())


def _folded(text: str, place: tuple[int, int]) -> str:
    return text[slice(*place)].casefold()
