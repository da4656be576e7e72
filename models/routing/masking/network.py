"""Addresses of the net: e-mail, IP, hardware, and what a web address tells beside its host.

An IPv4 address looks like a version of four parts: it stays where the text calls it one ("version 17.5.1.2",
"v1.2.3.4", "openssl-1.0.2.1"). Loopback, unspecified and mask addresses name no one and stay.
"""

import ipaddress
import re
from collections.abc import Iterator

from models.routing.masking.labels import Label, label_before
from models.routing.masking.span import Kind, Span

_LOCAL_PART = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._%+'-")
_DOMAIN = re.compile(
    r"(?:[A-Za-z0-9\u00c0-\u024f\-]++\.)*(?<=\.)(?:xn--[A-Za-z0-9\-]+|[A-Za-z]{2,24})(?![A-Za-z])"
)

_IPV4 = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\.?[0-9])")
_SUFFIX = re.compile(r"[-_+]?[A-Za-z]")
_COLONS = re.compile(r":[0-9A-Fa-f]{0,4}:")
_MAC = re.compile(r"[0-9A-Fa-f]{2}([:-])(?:[0-9A-Fa-f]{2}\1){4}[0-9A-Fa-f]{2}(?![0-9A-Za-z:])")
_MAC_HINT = re.compile(r"[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]")
_HEX_OR_COLON = frozenset("0123456789abcdefABCDEF:")

_URL_REST = re.compile(r"(?:[^\s<>\"'`\[\]\u2e80-\u9fff\uac00-\ud7af\uff00-\uffef]|\[[0-9A-Fa-f:.]*\])+")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]{0,15}\Z")
_AUTHORITY = re.compile(r"[^/?#]*")
# A path segment that says what a page is and not whose it is: words, small numbers, "v2".
_WORD_SEGMENT = re.compile(r"v?[0-9]{1,2}|[A-Z]?[a-z]+(?:[-_.](?:[A-Z]?[a-z]+|[A-Z]{2}))*")
_MAX_SEGMENT = 32


def find_emails(text: str) -> Iterator[Span]:
    """Mailbox addresses; Chinese characters beside one are not part of it."""
    at, done = text.find("@"), 0
    while at >= 0:
        start = at
        while start > done and (text[start - 1] in _LOCAL_PART or _is_letter_beyond_ascii(text[start - 1])):
            start -= 1
        while start < at and text[start] in ".'-%+":
            start += 1
        domain = _DOMAIN.match(text, at + 1)
        if start < at and domain:
            yield Span(start, domain.end(), Kind.EMAIL)
        done = at + 1
        at = text.find("@", done)


def _is_letter_beyond_ascii(char: str) -> bool:
    """Latin, Greek and Cyrillic letters: scripts that are written with blanks between words."""
    return "\u00c0" <= char <= "\u052f" and char.isalpha()


def find_addresses(text: str) -> Iterator[Span]:
    """IPv4 and IPv6 addresses; a port or prefix length behind one stays."""
    if text.count(".") >= 3:
        for match in _IPV4.finditer(text):
            if _is_ipv4(text, *match.span()):
                yield Span(*match.span(), Kind.IP)
    done = 0
    for match in _COLONS.finditer(text):
        if match.start() < done:
            continue
        start, end = match.span()
        while start > done and text[start - 1] in _HEX_OR_COLON:
            start -= 1
        while end < len(text) and text[end] in _HEX_OR_COLON:
            end += 1
        done = end
        if _is_ipv6(text, start, end):
            yield Span(start, end, Kind.IP)


def _is_ipv4(text: str, start: int, end: int) -> bool:
    parts = [int(part) for part in text[start:end].split(".")]
    if max(parts) > 255 or parts[0] in {0, 127, 255}:
        return False
    label = label_before(text, start)
    if label is Label.KEEP or (label is not Label.IP and _SUFFIX.match(text, end)):
        return False
    before, further = text[start - 1 : start], text[max(0, start - 2) : start - 1]
    if before.isascii() and before.isalnum():
        return label is Label.IP
    glued = before in {"-", "_", "/", "."} and further.isascii() and further.isalnum()
    return not glued or (before in {"-", "/"} and further.isdigit())  # a range of addresses


def _is_ipv6(text: str, start: int, end: int) -> bool:
    written = text[start:end]
    if start and text[start - 1].isalnum() and text[start - 1].isascii():
        return False
    if (end < len(text) and text[end].isalnum() and text[end].isascii()) or not any(
        map(str.isdigit, written)
    ):
        return False  # a word of hexadecimal letters before "::" is code
    if written.count(":") < 7 and len([part for part in written.split(":") if part]) < 3:
        return False  # "::1", "1::2"
    try:
        ipaddress.IPv6Address(written)
    except ValueError:
        return False
    return True


def find_hardware(text: str) -> Iterator[Span]:
    """MAC addresses: six bytes in hexadecimal, by colons or dashes."""
    if not _MAC_HINT.search(text):
        return
    for match in _MAC.finditer(text):
        before = text[match.start() - 1 : match.start()]
        if not (before.isascii() and (before.isalnum() or before in {":", "-"}) and before):
            yield Span(*match.span(), Kind.MAC)


def find_urls(text: str, whole: bool) -> Iterator[Span]:
    """What a web address tells of a person: user and password, the path from the first segment on that is not
    plain words, query and fragment. `whole`: the entire address, host included."""
    for start, rest, end in _urls(text):
        if whole:
            yield Span(start, end, Kind.HOST)
            continue
        authority = _AUTHORITY.match(text, rest, end)
        host = authority.end() if authority else rest
        user = text.rfind("@", rest, host)
        if user > rest:
            yield Span(rest, user, Kind.URL)
        hidden = _telling(text, host, end)
        if hidden < end:
            yield Span(hidden, end, Kind.URL)


def _urls(text: str) -> Iterator[tuple[int, int, int]]:
    """Start of each address, of what follows its scheme, and end."""
    for mark in ("://", "www."):
        at = text.find(mark)
        while at >= 0:
            rest = at + len(mark)
            found = _URL_REST.match(text, rest)
            end = rest + len(found[0].rstrip(".,;:!?)}*\\")) if found else rest
            scheme = _SCHEME.search(text, max(0, at - 16), at)
            if end > rest and (mark == "://" or not (at and text[at - 1] in "/@.")):
                yield (scheme.start() if scheme and mark == "://" else at), rest, end
            at = text.find(mark, max(end, rest))


def _telling(text: str, start: int, end: int) -> int:
    """Where the part of path, query and fragment begins that is hidden; `end` where all of it is plain."""
    at = start
    while at < end and text[at] == "/":
        at += 1
        stop = at
        while stop < end and text[stop] not in "/?#":
            stop += 1
        if stop > at and (stop - at > _MAX_SEGMENT or not _WORD_SEGMENT.fullmatch(text, at, stop)):
            return at
        at = stop
    return min(at + 1, end)
