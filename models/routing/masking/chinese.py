"""Names of people and postal addresses in Chinese: what a tagger's words amount to.

A tagger cuts a sentence into words and calls some of them persons (PER) and places (LOC). A person counts if the word
begins with a family name, or is foreign and written with a dot. Places beside each other are one; it counts as an
address where it goes down to a road, a village or a building with a number: a province or a city by itself says where
a problem is, not who has it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from models.routing.masking.span import Kind, Span

PERSON, PLACE = "PER", "LOC"


class Word(NamedTuple):
    """Characters [start, end) of a text, and what the tagger calls them."""

    start: int
    end: int
    tag: str


_HAN = re.compile(r"[\u4e00-\u9fff]+(?:[·•‧][\u4e00-\u9fff]+)*")
_DOT = re.compile(r"[·•‧]")
_COURTESY = re.compile(r"(?:先生|女士|小姐|太太|老师|师傅|经理|总|医生|同学|阿姨|叔叔|大爷|大妈|工)")
_LONGEST_NAME = 4
# Words that begin with a family name and that taggers take for people.
_NO_NAME = re.compile(
    "高亮|高清|高频|高德|白屏|黑屏|金额|金山|安卓|安全|时长|时区|方块|方框|卡顿|乱码|全选|全屏|华为|万象|严重|常用|明显"
)

# Between two places of one address.
_BETWEEN = re.compile(r"[ ,，、（(]{0,2}")
_NUMBER = r"(?:[0-9]{1,5}|[A-Za-z]|[一二三四五六七八九十百]{1,4})"
_DETAIL = rf" ?[-#之]?{_NUMBER}(?:号院|号楼|号|弄|段|栋|幢|座|区|单元|楼|层|室|房|户|组|队)"
_ROOM = r"[0-9]{2,4}(?![0-9年月日个次元点分秒天小时])"
_NAMED = "(?:(?![的在了是有请到至从和与住送寄放])[\u4e00-\u9fffA-Z])"
# What goes with a place behind it: a road with its number; a building after a number; stairs, flat, room.
_TAIL = re.compile(
    rf"(?:{_NAMED}{{1,6}}?(?:路|道|街|巷)(?={_DETAIL})|(?<=号){_NAMED}{{2,12}}?(?={_DETAIL}))?"
    rf"(?:{_DETAIL})+(?:-?{_ROOM})?"
    rf"|(?<=[号栋幢座元楼层])-?{_ROOM}|(?<=[0-9])-[0-9]{{1,4}}"
)
_ROAD = re.compile(
    r"(?:路|街|道|巷|胡同|弄|村|镇|里|园|苑|庭|小区|社区|花园|公寓|大厦|广场|城|中心|号楼|号|栋|幢|座|单元|室)"
)
_HOUSE = re.compile(r"[0-9]|[一二三四五六七八九十](?:号|弄|栋|幢|座|单元|楼|层|室)")
_LEAST_ADDRESS = 5


def find_chinese(text: str, words: Sequence[Word], family_names: frozenset[str]) -> Iterator[Span]:
    """Names and addresses among a tagger's words of the text, in their order.

    Args:
        family_names: of one character or two.
    """
    place: tuple[int, int] | None = None
    done = 0
    for at, word in enumerate(words):
        if word.start < done:
            continue
        if word.tag == PLACE:
            joins = place is not None and _BETWEEN.fullmatch(text, place[1], word.start)
            if place and not joins:
                yield from _address(text, *place)
            done = _tail_end(text, word.end)
            place = (place[0] if place and joins else word.start, done)
        elif word.tag == PERSON and (end := _name_end(text, words, at, family_names)):
            done = end
            yield Span(word.start, end, Kind.NAME)
    if place:
        yield from _address(text, *place)


def _tail_end(text: str, end: int) -> int:
    while tail := _TAIL.match(text, end):
        end = tail.end()
    return end


def _address(text: str, start: int, end: int) -> Iterator[Span]:
    written = text[start:end]
    if len(written) >= _LEAST_ADDRESS and _ROAD.search(written) and _HOUSE.search(written):
        yield Span(start, end, Kind.ADDRESS)


def _name_end(text: str, words: Sequence[Word], at: int, family_names: frozenset[str]) -> int | None:
    """Where the name ends that the tagger's person is; None where it is nobody's."""
    word = words[at]
    written, end = text[word.start : word.end], _foreign_end(text, words, at)
    if not _HAN.fullmatch(written) or _NO_NAME.fullmatch(written):
        return None
    if end > word.end or _DOT.search(written):
        return end
    if written[:1] not in family_names and written[:2] not in family_names:
        return None
    courtesy = _COURTESY.match(text, word.end)
    if len(written) == 1:
        return courtesy.end() if courtesy else None
    named = _COURTESY.search(written)
    return word.end if len(written) <= _LONGEST_NAME + (len(named[0]) if named else 0) else None


def _foreign_end(text: str, words: Sequence[Word], at: int) -> int:
    """Where a name ends that goes on behind a dot, "阿依古丽·买买提"; the dot is a word by itself."""
    end = words[at].end
    for dot, behind in zip(words[at + 1 :: 2], words[at + 2 :: 2], strict=False):
        if not _DOT.fullmatch(text, dot.start, dot.end) or not _HAN.fullmatch(text, behind.start, behind.end):
            break
        end = behind.end
    return end
