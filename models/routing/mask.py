"""Mask: personal data out of a text, a stable token like [PHONE] in its place. Part of clean, before anything is
encoded, stored, logged or sent on.

The recognisers in `masking/` look at form, checksum and at what the text calls a number. A cheap look at the text
decides which of them run at all: most tickets hold no digit run, no `@` and no `://`. Names of people and postal
addresses take a recogniser that is brought along, and are not recognised without one.
"""

import re
from bisect import bisect
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from models.routing.masking import codes, network, numbers
from models.routing.masking.fold import fold
from models.routing.masking.span import Kind, Recogniser, Span

ALL = frozenset(Kind)
DEFAULT = ALL - {Kind.HOST, Kind.NAME, Kind.ADDRESS}

TOKEN = re.compile(r"\[(?:" + "|".join(Kind) + r")\]")

# Masking can lay bare what stood beside the masked: it is repeated until nothing more is found.
_MAX_ROUNDS = 8
# What stands touching one of these can be the rest of something longer.
_GLUE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@_-./:+()")

_ORDER = {kind: index for index, kind in enumerate(Kind)}
# Shorter values (the tail of an address) repeat by chance.
_MIN_REPEATED = 6
_MIN_REPEATED_CHINESE = 2
# The least that begins a number of six digits.
_DIGITS = re.compile(r"[0-9][0-9 ().\-]{4}")
_PASSPORT_DIGITS = re.compile(r"[0-9]{6}")
_LICENCE_WORDS = ("licen", "身份证", "驾", "证件", "id card", "identity card", "national id")
_WECHAT_WORDS = ("微信", "薇信", "威信", "wechat", "weixin", "wx", "vx")
# Beside words for WeChat and "www.", nothing is found without one of these.
_HINT = re.compile(r"[0-9@:]")


@dataclass(frozen=True, slots=True)
class Masked:
    """A text without the personal data that was recognised in it.

    Attributes:
        counts: how many pieces of each kind that was.
        spans: where the pieces stood in the text before, in its order, without overlaps.
    """

    text: str
    counts: Mapping[Kind, int]
    spans: tuple[Span, ...] = ()


def mask(text: str, kinds: Collection[Kind] = DEFAULT, recogniser: Recogniser | None = None) -> Masked:
    """`text` with each recognised piece of personal data replaced by `[KIND]`.

    Masking a masked text changes nothing. A piece found once is masked wherever it stands again as a whole.

    Args:
        kinds: what to look for.
        recogniser: of the kinds that form does not tell; without one they are not found.
    """
    counts: dict[Kind, int] = {}
    found: list[Span] = []
    for _ in range(_MAX_ROUNDS):
        text, found = _by_form(text, kinds, counts, found)
        if recogniser is None or recogniser.kinds.isdisjoint(kinds):
            break
        spans = _brought(text, kinds, recogniser)
        if not spans:
            break
        text, found = _take(text, spans, counts, found)
    return Masked(text, counts, tuple(found))


def _by_form(
    text: str, kinds: Collection[Kind], counts: dict[Kind, int], found: list[Span]
) -> tuple[str, list[Span]]:
    for _ in range(_MAX_ROUNDS):
        folded = fold(text)
        spans = _resolve([span for span in _find(folded, kinds) if span.kind in kinds])
        if not spans:
            break
        spans = _with_repeats(folded, spans)
        bares_more = _may_bare_more(text, spans)
        text, found = _take(text, spans, counts, found)
        if not bares_more:
            break
    return text, found


def _brought(text: str, kinds: Collection[Kind], recogniser: Recogniser) -> list[Span]:
    """What the recogniser sees beside the tokens that stand in the text."""
    tokens = [token.span() for token in TOKEN.finditer(text)]
    spans = [
        span
        for span in recogniser.find(text)
        if span.kind in kinds and not any(start < span.end and span.start < end for start, end in tokens)
    ]
    return _with_repeats(text, _resolve(spans)) if spans else []


def _take(text: str, spans: list[Span], counts: dict[Kind, int], found: list[Span]) -> tuple[str, list[Span]]:
    """The text with the spans masked, and all that was found so far as spans of the first text."""
    for span in spans:
        counts[span.kind] = counts.get(span.kind, 0) + 1
    return _replace(text, spans), _in_first_text(spans, found)


def _in_first_text(spans: list[Span], before: list[Span]) -> list[Span]:
    """All of them as spans of a first text: those `before` are of it, and stand as tokens in the text of `spans`."""
    if not before:
        return spans
    moved, passed, shift = [], 0, 0
    for start, end, kind in spans:
        while passed < len(before) and before[passed].start < start + shift:
            shift += before[passed].end - before[passed].start - len(before[passed].kind) - 2
            passed += 1
        moved.append(Span(start + shift, end + shift, kind))
    return sorted(before + moved)


def _replace(text: str, spans: list[Span]) -> str:
    pieces, at = [], 0
    for span in spans:
        pieces += [text[at : span.start], f"[{span.kind}]"]
        at = span.end
    return "".join(pieces) + text[at:]


def _may_bare_more(text: str, spans: list[Span]) -> bool:
    """Whether more may be told once the spans are gone: what touches one, as in `a@b.cn13812345678`, or what stands
    behind one that ends in a word, which can have been its label, as in `https://a.cn/u/83771/order 13812345678`.
    """
    return any(
        text[span.start - 1 : span.start] in _GLUE
        or text[span.end : span.end + 1] in _GLUE
        or not text[span.end - 1].isdigit()
        for span in spans
    )


def _find(text: str, kinds: Collection[Kind]) -> Iterator[Span]:
    """All that the recognisers see; spans may overlap. What is found by words or marks is looked for first,
    so that a text without digits costs next to nothing."""
    lower = text.lower()
    if _holds(lower, _WECHAT_WORDS):
        yield from codes.find_wechats(text)
    if not _HINT.search(text) and "www." not in text:
        return
    if "@" in text:
        yield from network.find_emails(text)
    if "://" in text or "www." in text:
        yield from network.find_urls(text, whole=Kind.HOST in kinds)
    if ":" in text or text.count(".") >= 3:
        yield from network.find_addresses(text)
    if ":" in text or "-" in text:
        yield from network.find_hardware(text)
    if _holds(lower, _LICENCE_WORDS):
        yield from codes.find_licences(text)
    if not text.isascii():
        yield from codes.find_plates(text)
    if not _DIGITS.search(text):
        return
    yield from numbers.find_numbers(text)
    yield from codes.find_ibans(text)
    if _PASSPORT_DIGITS.search(text):
        yield from codes.find_passports(text)


def _holds(text: str, words: tuple[str, ...]) -> bool:
    for word in words:  # noqa: SIM110 - any() with a generator takes three times as long
        if word in text:
            return True
    return False


def _resolve(spans: list[Span]) -> list[Span]:
    """Spans without overlaps, in the order of the text: addresses of the web first (a password in one looks like
    a mailbox), then the longest, then by the order of kinds."""
    chosen: list[Span] = []
    for span in sorted(spans, key=_precedence):
        at = bisect(chosen, span)
        clear_before = at == 0 or chosen[at - 1].end <= span.start
        clear_behind = at == len(chosen) or span.end <= chosen[at].start
        if clear_before and clear_behind:
            chosen.insert(at, span)
    return chosen


def _precedence(span: Span) -> tuple[bool, int, int]:
    return span.kind not in {Kind.URL, Kind.HOST}, span.start - span.end, _ORDER[span.kind]


def _with_repeats(text: str, spans: list[Span]) -> list[Span]:
    """`spans` and every other place where one of their values stands as a whole: a number that is called a phone
    once is a phone throughout."""
    seen = Counter(text[span.start : span.end] for span in spans)
    kinds = {text[span.start : span.end]: span.kind for span in spans}
    repeats = [
        Span(*found.span(), kinds[value])
        for value, count in seen.items()
        if len(value) >= _least_repeated(value) and text.count(value) > count
        for found in re.finditer(rf"(?<![0-9A-Za-z]){re.escape(value)}(?![0-9A-Za-z])", text)
    ]
    return _resolve(spans + repeats) if repeats else spans


def _least_repeated(value: str) -> int:
    return _MIN_REPEATED_CHINESE if "\u4e00" <= value[0] <= "\u9fff" else _MIN_REPEATED
