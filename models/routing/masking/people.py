"""Names of people in Latin script: told by lists of names, and by what the text says before one.

A name on a list is often a word too ("Will", "Page", "Rose") or a place: by itself such a word is left alone, and so is
every capitalised word that no list knows. Both count once something surer stands beside them: another name ("Rose
Okafor", "Maria Xyz"), a title ("Mr. Page") or a phrase that introduces somebody ("my name is …").
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from models.routing.masking.fold import capitalised
from models.routing.masking.span import Kind, Span

_UPPER = "A-Z\u00c0-\u00d6\u00d8-\u00de\u0100-\u017f"
_NAME = rf"[{_UPPER}][^\W\d_]+(?:['’\-][{_UPPER}]?[^\W\d_]+)*"
_PARTICLES = (
    "van der|van den|van de|de la|van|von|den|der|de|del|della|di|da|dos|du|la|le|al|bin|ibn|ben|el|ter|ten"
)
_WORD = re.compile(rf"(?<![\w@\\_]){_NAME}")
# "Anna Maria van der Berg", "Judy T. Smith": what may follow in a name.
_NEXT = re.compile(rf" (?:(?:{_PARTICLES}) )?(?:[{_UPPER}]\. )?({_NAME})")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Herr|Frau|Mme|Sra?)\.? \Z")
_TITLED = re.compile(rf"\b(?:Mr|Mrs|Ms|Mx|Dr|Prof)\.? (?:[{_UPPER}]\. ?)?(?:(?:{_PARTICLES}) )?({_NAME})")
_LONGEST_TITLE = 6
_DEGREE = re.compile(r",? (?:Jr|Sr|MD|DDS|DVM|PhD|II|III)\b\.?")
# What comes behind introduces a person, whatever it is …
_NAMED = re.compile(
    r"(?:\b(?:my|his|her|their|partner's|maiden|first|last|full|family|given|contact|customer|cardholder)"
    r" name(?: is|:|)|(?:^|[.,;>] )name:|\b(?:calls?|called) me|\bsurname:?) ",
    re.IGNORECASE,
)
# … or may, if it is a name.
_SAID = re.compile(r"\b(?:I am|I'm|this is|dear|hi|hello|hey|regards,|thanks,|cheers,) ", re.IGNORECASE)
_BEHIND_SAID = re.compile(r"[,.!;:?]|\Z| (?:and|from|with|here|again|speaking)\b")
# Parts of addresses, identifiers and paths are no names.
_CODE_BEFORE = frozenset("@/\\_.#&=")
_CODE_BEHIND = re.compile(r"[@/_(=]|\\(?!')|[.:\-][\w(]")
_MOST_WORDS = 4
_LEAST_GIVEN, _LEAST_FAMILY = 3, 5
"""Letters of a name that tells enough by itself."""


@dataclass(frozen=True, slots=True)
class NameLists:
    """Names as they are written, first letter a capital, and words, all in lower case.

    Attributes:
        given: first names.
        family: family names.
        words: ordinary words of any language, places, products: a name among them tells nothing by itself.
        told_small: given names that are told by themselves without a capital, since they are frequent and nothing else.
    """

    given: frozenset[str]
    family: frozenset[str]
    words: frozenset[str]
    told_small: frozenset[str]

    def knows(self, word: str) -> bool:
        """Whether the word is a name, or several by hyphens."""
        return word in self.given or word in self.family or ("-" in word and self._knows_parts(word))

    def _knows_parts(self, word: str) -> bool:
        return all(part in self.given or part in self.family for part in word.split("-"))

    def is_word(self, name: str) -> bool:
        """Whether the name is an ordinary word as well."""
        return name.lower() in self.words


def find_people(text: str, lists: NameLists) -> Iterator[Span]:
    """Names of people, title and degree included, left to right, without overlaps.

    In a text without any capital every word is read as if it had one, and more is asked of a name.
    """
    is_small = text.islower()
    read = capitalised(text) if is_small else text
    introduced = _introduced(read, lists, is_small)
    done = 0
    for word in _WORD.finditer(read):
        start, first = word.start(), _bare(word[0])
        if (
            start < done
            or not (start in introduced or lists.knows(first))
            or _is_code(read, start, word.end())
        ):
            continue
        end, others = _run(read, word, lists, is_small)
        if start in introduced or _is_name(first, others, start, lists, is_small):
            title = _TITLE.search(read, max(done, start - _LONGEST_TITLE), start)
            degree = _DEGREE.match(read, end)
            done = degree.end() if degree else end
            yield Span(title.start() if title else start, done, Kind.NAME)


def _introduced(text: str, lists: NameLists, is_small: bool) -> set[int]:
    """Where the words begin that the text introduces as names."""
    found = {titled.start(1) for titled in _TITLED.finditer(text)}
    for cue in _NAMED.finditer(text):
        word = _WORD.match(text, cue.end())
        if word and (not lists.is_word(_bare(word[0])) or (lists.knows(_bare(word[0])) and not is_small)):
            found.add(word.start())
    for cue in _SAID.finditer(text):
        word = _WORD.match(text, cue.end())
        if word and _bare(word[0]) in lists.given and _BEHIND_SAID.match(text, word.end()):
            found.add(word.start())
    return found


def _bare(word: str) -> str:
    return word[:-2] if word.endswith(("'s", "’s")) else word


def _is_code(text: str, start: int, end: int) -> bool:
    return text[start - 1 : start] in _CODE_BEFORE or _CODE_BEHIND.match(text, end) is not None


def _run(text: str, word: re.Match[str], lists: NameLists, is_small: bool) -> tuple[int, list[str]]:
    """Where the name that begins with the word ends, and its other words: names, and with a capital what is no word."""
    end = word.start() + len(_bare(word[0]))
    others: list[str] = []
    while end == word.end() and len(others) + 1 < _MOST_WORDS and (found := _NEXT.match(text, end)):
        name = _bare(found[1])
        is_none = lists.is_word(name) or name.isupper()
        is_other = (is_none or not lists.knows(name)) if is_small else (is_none and not lists.knows(name))
        if is_other or _is_code(text, found.start(1), found.end()):
            break
        others.append(name)
        word, end = found, found.start(1) + len(name)
    return end, others


def _is_name(first: str, others: list[str], start: int, lists: NameLists, is_small: bool) -> bool:
    """Whether lists alone tell that the words are somebody's name."""
    sure = not lists.is_word(first)
    surer = [name for name in others if lists.knows(name) and not lists.is_word(name)]
    if is_small:
        return first in lists.told_small or (sure and first in lists.given and bool(surer))
    if not others:
        is_given = first in lists.given and len(first) >= _LEAST_GIVEN
        return sure and (is_given or (start > 0 and len(first) >= _LEAST_FAMILY))
    if first in lists.given:
        return sure or bool(surer)
    return sure and any(name in lists.given for name in surer)
