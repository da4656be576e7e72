"""Telephone numbers, told by how their digits are grouped; `numbers` cuts the candidates out of a text."""

import re
from typing import NamedTuple

import phonenumbers

_CN_MOBILE = re.compile(r"(?:(?:00)?86)?1[3-9][0-9]{9}")
_CN_MOBILE_GROUPS = frozenset({(11,), (3, 4, 4), (3, 8), (7, 4), (4, 3, 4), (4, 4, 3), (3, 3, 5), (5, 6)})
# Area codes of two digits (10, 2x) and three (3xx to 9xx) after the trunk 0; subscribers have 7 or 8 digits.
_CN_LANDLINE = re.compile(r"0(?:10|2[0-9]|[3-9][0-9]{2})[2-8][0-9]{6,7}")
_ONE = frozenset({"1", "001"})
_DATE = re.compile(
    r"(?:19|20)[0-9]{2}([-. ]?)[01]?[0-9]\1[0-3]?[0-9](?![0-9])|[0-3]?[0-9][-.][0-3]?[0-9][-.](?:19|20)[0-9]{2}"
)

MAX_DIGITS = 15  # ITU-T E.164, section 6.1
EXTENSION = re.compile(r"(?: ?(?:x|ext\.?|extension|转|分机)[ :]?|-)[0-9]{1,6}(?![0-9A-Za-z])", re.IGNORECASE)


class Number(NamedTuple):
    """A candidate: `written` as it stands with its leading `+` or `(`, its digits, and how they are grouped."""

    written: str
    digits: str
    sizes: tuple[int, ...]
    marks: tuple[str, ...]  # what stands between the groups


def is_phone(number: Number) -> bool:
    """Whether the number is a telephone number by its form alone, whatever the words around it."""
    written, digits, sizes, _ = number
    if not 7 <= len(digits) <= MAX_DIGITS + 2:  # two more for the international prefix 00
        return False
    if sizes[1:].count(1) > 1:
        return False  # a row of small numbers; one alone stands in "+33 6 12 34 56 78"
    if written[0] == "+" or written[:2] == "(+":
        return _is_chinese_mobile(number) or _is_possible(digits)
    return (
        _is_chinese_mobile(number)
        or _is_landline(number)
        or _is_north_american(number)
        or _is_bracketed(number)
        or (written.startswith("00") and digits[2] != "0" and _is_possible(digits[2:], sure=len(sizes) == 1))
    )


def is_in_use(number: Number) -> bool:
    """Whether the number has a `+` and a country code behind which such a number can have been given out."""
    if "+" not in number.written[:2]:
        return False
    return _is_chinese_mobile(number) or _is_possible(number.digits, sure=True)


def is_called_phone(number: Number) -> bool:
    """Whether the number can be a telephone number where the text calls it one: 6 to 15 digits, no date."""
    _, digits, sizes, marks = number
    if not (7 if len(sizes) == 1 else 6) <= len(digits) <= MAX_DIGITS or _DATE.match(number.written):
        return False
    dotted = "." in marks
    return not dotted or (
        min(sizes) >= 2 and not (len(sizes) == 4 and max(sizes) <= 3)
    )  # nor a version or address


def _is_chinese_mobile(number: Number) -> bool:
    """11 digits from 13 to 19, with or without 86; groups as people write them."""
    if not _CN_MOBILE.fullmatch(number.digits):
        return False
    country = len(number.digits) - 11
    first, rest = number.sizes[0], number.sizes[1:]
    return (rest if first == country else (first - country, *rest)) in _CN_MOBILE_GROUPS


def _without_one(number: Number) -> tuple[int, ...]:
    if len(number.sizes) > 1 and number.digits[: number.sizes[0]] in _ONE:
        return number.sizes[1:]
    return number.sizes


def _is_landline(number: Number) -> bool:
    """A trunk 0 and an area code: Chinese by its digits, others by two or more groups of one separator."""
    _, digits, sizes, marks = number
    if digits[0] != "0" or digits[1] == "0":
        return False
    if _CN_LANDLINE.fullmatch(digits) and (sizes[0] == len(digits) or sizes[0] <= 4):
        return True
    if len(sizes) == 3 and sizes[2] <= 6 and _CN_LANDLINE.fullmatch(digits[: -sizes[2]]) and sizes[0] <= 4:
        return True  # the last group is an extension
    grouped = 2 <= sizes[0] <= 5 and max(sizes) >= 3 and min(sizes) >= 2
    return (
        len(sizes) > 1
        and grouped
        and 9 <= len(digits) <= 11
        and len(set(marks)) == 1
        and marks[0] in {" ", "-"}
    )


def _is_north_american(number: Number) -> bool:
    """3-3-4 by dashes, dots or a bracketed area code; by blanks only where the plan knows the number."""
    sizes, marks = _without_one(number), number.marks[-2:]
    if sizes == (3, 7) and number.digits[:3] in {"400", "800"}:
        return marks == ("-",)
    if sizes != (3, 3, 4):
        return False
    if marks == (" ", " "):
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(number.digits[-10:], "US")))
    return marks[1] in {"-", ".", " "} and (marks[0] == marks[1] or marks[0].startswith(")"))


def _is_bracketed(number: Number) -> bool:
    """(area) and two more groups, as in (11) 4706-6184."""
    if number.written[0] != "(" or not number.marks or not number.marks[0].startswith(")"):
        return False
    return (
        2 <= number.sizes[0] <= 5
        and 8 <= len(number.digits) <= 12
        and (len(number.sizes) > 2 or number.sizes[1] >= 6)
    )


def _is_possible(digits: str, sure: bool = False) -> bool:
    """Whether the digits after `+` or `00` have a country code and a length that it uses (`sure`: a number in use)."""
    if not 7 <= len(digits) <= MAX_DIGITS:
        return False
    try:
        number = phonenumbers.parse("+" + digits)
    except phonenumbers.NumberParseException:
        return False
    check = phonenumbers.is_valid_number if sure else phonenumbers.is_possible_number
    return bool(check(number))
