"""Personal numbers made of digits: phones, payment cards, national numbers, accounts.

A text is cut once into chunks, groups of digits with at most three separators between them. Each run of groups
in a chunk is a candidate, longest first, and is told by its form and checksum, or by what the text calls it:

- a number that the text calls an order, a version, an amount, … stays, whatever its digits are;
- otherwise form and checksum suffice for Chinese resident identity numbers (18, ISO 7064 mod 11-2), payment cards
  (issuer range, length, Luhn), 3-2-4 social security numbers and the phone formats of `phones`;
- a number glued to a Latin letter is the middle of a code ("AB13812345678X") and stays, unless the text calls it
  what it is, a `+` and a country code tell it, or the letters are a word that was written on without a blank
  ("13812345678Nimbo") and nothing is glued to its other side;
- a wrong checksum is masked only where the text calls the number an identity, card or account number (a
  mistyped card number is still most of one).
"""

import re
from collections.abc import Iterator
from itertools import pairwise

from stdnum import luhn
from stdnum.iso7064 import mod_11_2

from models.routing.masking import phones
from models.routing.masking.labels import Label, label_before
from models.routing.masking.phones import Number
from models.routing.masking.span import WORD_BEFORE, WORD_BEHIND, Kind, Span

_CHUNK = re.compile(r"[0-9](?:[ ().\-]{0,3}[0-9])*+")
_GROUP = re.compile(r"[0-9]+")
_LEAD = re.compile(r"(?:\(\+|\+\(|[+(])\Z")
# "12345678 office", "…-Fax": a label behind the number, where it ends a clause or another number follows.
_LABEL_AFTER = re.compile(
    r" ?-? ?\(?(?:office|fax|mobile|cell|home|work|tel|phone|手机|电话|座机|传真)\)?"
    r"(?= ?(?:$|[,;.\\)/|，；。]|[0-9(+]))",
    re.IGNORECASE,
)
_WORD_BEHIND = re.compile(WORD_BEHIND)
_LONGEST_WORD = 24
_LINK = re.compile(r" ?(?:[,，、/;；&]|or|and|或者?|和) ?[+(]{0,2}")

_OF_ALL_DIGITS = frozenset({Label.ACCOUNT, Label.CARD, Label.ID})

_MIN_DIGITS, _MAX_DIGITS = 6, 20
_MAX_GROUPS = 7

_RESIDENT = re.compile(
    r"[1-8][0-9]{5}(?:18|19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3}[0-9X]"
)
# Issuer ranges (ISO/IEC 7812) with their lengths: Visa, Mastercard, American Express, Diners, JCB, Discover,
# UnionPay, Maestro, and the 19 digits of 9558 that ICBC issued before UnionPay.
_CARD = re.compile(
    r"4(?:[0-9]{12}|[0-9]{15}|[0-9]{18})|5[1-5][0-9]{14}"
    r"|(?:222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12}|3[47][0-9]{13}"
    r"|(?:30[0-5]|3095|36|3[89])[0-9]{11,16}|35[0-9]{14,17}|6[0-9]{15,18}"
    r"|5[06-8][0-9]{11,17}|9558[0-9]{15}"
)


def find_numbers(text: str) -> Iterator[Span]:
    """Personal numbers in `text`, left to right, without overlaps. Digits must be ASCII."""
    end, label = 0, None
    for chunk in _CHUNK.finditer(text):
        start, stop = chunk.span()
        if stop - start < _MIN_DIGITS:
            continue
        groups = [group.span() for group in _GROUP.finditer(text, start, stop)]
        if sum([last - first for first, last in groups]) < _MIN_DIGITS:
            continue
        # A list, "phone 7654321 or 7654322", carries its label on.
        linked = label if label and _LINK.fullmatch(text, end, start) else None
        label = linked or label_before(text, start)
        end = stop
        yield from _in_chunk(text, groups, label)


def _in_chunk(text: str, groups: list[tuple[int, int]], label: Label | None) -> Iterator[Span]:
    called = _called_from_behind(text, groups)
    rest = groups[: called[0]] if called else groups
    at = 0
    while at < len(rest):
        found = _longest(text, rest, at, label)
        if found is None:
            at, label = at + 1, None
            continue
        span, at = found
        if label is not Label.KEEP:
            yield span
        else:
            label = None
    if called:
        yield called[1]


def _called_from_behind(text: str, groups: list[tuple[int, int]]) -> tuple[int, Span] | None:
    """The phone that a label behind the chunk speaks of: its first group, as many as may belong to it, and it."""
    if not _LABEL_AFTER.match(text, groups[-1][1]):
        return None
    first, digits = len(groups), 0
    for start, end in reversed(groups):
        digits += end - start
        if digits > phones.MAX_DIGITS:
            break
        first -= 1
    if first == len(groups):
        return None
    start = _with_lead(text, groups[first][0])
    number = _number(text, start, groups[first:])
    if not phones.is_called_phone(number):
        return None
    return first, Span(groups[-1][1] - len(number.written), groups[-1][1], Kind.PHONE)


def _with_lead(text: str, start: int) -> int:
    """Where a number begins whose first digit stands at `start`: at its `+` or `(` where it has one."""
    lead = _LEAD.search(text, max(0, start - 2), start)
    return lead.start() if lead else start


def _longest(
    text: str, groups: list[tuple[int, int]], at: int, label: Label | None
) -> tuple[Span, int] | None:
    """The longest personal number that begins with group `at`, and the index of the group behind it."""
    start = _with_lead(text, groups[at][0])
    before = text[start - 1] if start else ""
    glued = _is_code(before) and (label is None or at > 0)
    if glued and not (before.islower() or "+" in text[start : start + 2]):
        return None  # the middle of a code
    if at and before == "." and groups[at - 1][1] == start - 1:
        return None  # the fraction of a decimal, the tail of a version
    candidates = []
    size = 0
    for last in range(at, min(at + _MAX_GROUPS, len(groups))):
        size += groups[last][1] - groups[last][0]
        if size > _MAX_DIGITS:
            break
        if size >= _MIN_DIGITS:
            candidates.append((last, _number(text, start, groups[at : last + 1])))
    told: tuple[Span, int] | None = None
    for tell in (_by_form, _by_label):
        for last, number in reversed(candidates):
            found = tell(text, groups[last][1], number, label)
            if found and not (glued and _is_in_code(text, start, found.end, number)):
                # An account's first digits can look like a telephone number.
                if told is None or found.end > told[0].end:
                    told = found, last + 1
                break
        if told and (told[0].kind is not Kind.PHONE or label not in _OF_ALL_DIGITS):
            break
    return told


def _is_in_code(text: str, start: int, end: int, number: Number) -> bool:
    """Whether a number without a label that something is glued to in front is no number of its own."""
    if text[start - 1].isalpha() and phones.is_in_use(number):
        return False
    word = WORD_BEFORE.search(text, max(0, start - _LONGEST_WORD), start)
    return word is None or _is_code(text[end : end + 1])


def _number(text: str, start: int, groups: list[tuple[int, int]]) -> Number:
    written = text[start : groups[-1][1]]
    if written[0] == "(" and ")" not in written:
        written = written[1:]  # a remark in brackets, not an area code
    return Number(
        written=written,
        digits="".join([text[a:b] for a, b in groups]),
        sizes=tuple([b - a for a, b in groups]),
        marks=tuple([text[left[1] : right[0]] for left, right in pairwise(groups)]),
    )


def _by_form(text: str, end: int, number: Number, label: Label | None) -> Span | None:
    start = end - len(number.written)
    if text[end : end + 1] in {"X", "x"} and _is_resident(number.digits + "X") and _ends(text, end + 1):
        return Span(start, end + 1, Kind.ID)
    if _is_resident(number.digits) and _ends(text, end):
        return Span(start, end, Kind.ID)
    if number.sizes == (3, 2, 4) and number.marks == ("-", "-") and _ends(text, end):
        return Span(start, end, Kind.ID)
    if _is_card(number) and _ends(text, end):
        return Span(start, end, Kind.CARD)
    if phones.is_phone(number):
        return _phone(text, start, end) or (
            Span(start, end, Kind.PHONE) if label is Label.PHONE or phones.is_in_use(number) else None
        )
    return None


def _by_label(text: str, end: int, number: Number, label: Label | None) -> Span | None:
    start, size = end - len(number.written), len(number.digits)
    if label is Label.PHONE and phones.is_called_phone(number):
        return _phone(text, start, end)
    if label is Label.ID and text[end : end + 1] in {"X", "x"} and _ends(text, end + 1):
        return Span(start, end + 1, Kind.ID)
    if not _ends(text, end):
        return None
    if label is Label.ID:
        return Span(start, end, Kind.ID)
    if label is Label.CARD and size >= 12:
        return Span(start, end, Kind.CARD)
    if label is Label.ACCOUNT:
        return Span(start, end, Kind.ACCOUNT)
    return None


def _phone(text: str, start: int, end: int) -> Span | None:
    if extension := phones.EXTENSION.match(text, end):
        end = extension.end()
    return Span(start, end, Kind.PHONE) if _ends(text, end) else None


def _ends(text: str, end: int) -> bool:
    """Whether the number ends here, rather than going on as the middle of a code."""
    return not _is_code(text[end : end + 1]) or _WORD_BEHIND.match(text, end) is not None


def _is_code(char: str) -> bool:
    """Whether a number that touches this character can be part of a code."""
    return char.isascii() and char.isalnum()


def _is_resident(digits: str) -> bool:
    """A Chinese resident identity number (GB 11643-1999): area, birth date, sequence, check character."""
    return len(digits) == 18 and _RESIDENT.fullmatch(digits) is not None and bool(mod_11_2.is_valid(digits))


def _is_card(number: Number) -> bool:
    sizes, marks = number.sizes, set(number.marks)
    if not 13 <= len(number.digits) <= 19 or len(marks) > 1 or not marks <= {" ", "-"}:
        return False
    if len(sizes) > 1 and min(sizes[:-1]) < 3:
        return False
    return _CARD.fullmatch(number.digits) is not None and bool(luhn.is_valid(number.digits))
