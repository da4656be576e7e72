"""Clean: a ticket as it came in to the text that is encoded and the fields that later steps need, all of it masked.

The first step of the routing path; after the codec, before pack. Everything downstream (vectors, state, similar
tickets, surge descriptions, logs) sees only what leaves here.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter

from models.errors import Invalid
from models.routing.mask import DEFAULT, TOKEN, mask
from models.routing.masking.span import Kind, Recogniser
from models.routing.normalise import normalise

# Events of a ticket that was told of before; they need no text of their own.
_WITHOUT_TEXT = frozenset({"updated", "resolved", "closed", "deleted"})

_BAD_UNICODE = re.compile("[\x00\ud800-\udfff]")
_WORD = re.compile(r"[^\W_]")
_ENDINGS = ".!?,:;…。！？，：；、"
_LONGEST_WORD = _LONGEST_NUMBER = 64
_LONGEST_TOKEN = max(map(len, Kind)) + 2


@dataclass(frozen=True, slots=True)
class Ticket:
    """One version of one ticket, as its event told it. Absent texts are empty, other absent fields None."""

    ticket_id: str
    version: str
    event: str
    created_at_ms: int
    updated_at_ms: int
    title: str = ""
    description: str = ""
    ocr_texts: tuple[str, ...] = ()
    device: str | None = None
    os: str | None = None
    app_version: str | None = None
    steps: tuple[str, ...] = ()
    product: str | None = None
    channel: str | None = None
    language: str | None = None
    customer_id: str | None = None
    priority: str | None = None
    assigned_team: str | None = None
    assigned_agent: str | None = None
    resolution: str | None = None
    kb_article_id: str | None = None


_TEXT_FIELDS = tuple(field.name for field in fields(Ticket) if not field.name.endswith("_ms"))
_TEXTS = attrgetter(*_TEXT_FIELDS)


@dataclass(frozen=True, slots=True)
class CleanPolicy:
    """How much of a ticket is read, and what is masked in it.

    Attributes:
        max_chars: length of the joined text, in characters. 8,000 are some 2,000 tokens of English and 6,000 of
            Chinese, more than any supported encoder reads.
        mask: the kinds of personal data to look for.
        recogniser: of the kinds that form does not tell, names and postal addresses; they are only found by one.
    """

    max_chars: int = 8_000
    mask: frozenset[Kind] = DEFAULT
    recogniser: Recogniser | None = None


@dataclass(frozen=True, slots=True)
class CleanTicket:
    """A ticket that may be stored and sent on.

    Attributes:
        text: what is encoded; empty only for events that need no text (all but created).
        title, resolution, product, assigned_agent: normalised and masked like `text`.
        masked: pieces of personal data by kind, those of `text` and `resolution`.

    Names that machines gave (ids, team, channel, priority, language) are as they came.
    """

    ticket_id: str
    version: str
    event: str
    created_at_ms: int
    updated_at_ms: int
    title: str
    text: str
    masked: Mapping[Kind, int]
    product: str | None
    channel: str | None
    language: str | None
    customer_id: str | None
    priority: str | None
    assigned_team: str | None
    assigned_agent: str | None
    resolution: str | None
    kb_article_id: str | None


def clean(ticket: Ticket, policy: CleanPolicy) -> CleanTicket:
    """The ticket normalised, masked, and joined into one text.

    Cleaning a ticket whose description is a cleaned text gives that text again.

    Raises:
        Invalid: `empty_text` where nothing that people wrote (title, description, OCR text, steps) can be
            understood once white space, punctuation and masked data are gone; `bad_unicode` for a lone surrogate
            or U+0000 in any field.
    """
    _check_unicode(ticket)
    text, counts = _text(ticket, policy)
    resolution, more = _masked(normalise(ticket.resolution or ""), policy)
    return CleanTicket(
        ticket_id=ticket.ticket_id,
        version=ticket.version,
        event=ticket.event,
        created_at_ms=ticket.created_at_ms,
        updated_at_ms=ticket.updated_at_ms,
        title=_masked(normalise(ticket.title), policy)[0],
        text=text,
        masked=_sum(counts, more),
        product=_masked(normalise(ticket.product), policy)[0] if ticket.product else None,
        channel=ticket.channel,
        language=ticket.language,
        customer_id=ticket.customer_id,
        priority=ticket.priority,
        assigned_team=ticket.assigned_team,
        assigned_agent=_masked(normalise(ticket.assigned_agent), policy)[0]
        if ticket.assigned_agent
        else None,
        resolution=resolution if ticket.resolution is not None else None,
        kb_article_id=ticket.kb_article_id,
    )


def _check_unicode(ticket: Ticket) -> None:
    values = [value if isinstance(value, str) else "".join(value or ()) for value in _TEXTS(ticket)]
    if not _BAD_UNICODE.search("".join(values)):
        return
    name = next(name for name, value in zip(_TEXT_FIELDS, values, strict=True) if _BAD_UNICODE.search(value))
    raise Invalid("bad_unicode", name, "no lone surrogate and no U+0000")


def _text(ticket: Ticket, policy: CleanPolicy) -> tuple[str, Mapping[Kind, int]]:
    """The joined text, masked as a whole, so that a label in the title speaks for a number in the description.

    Order: title, description, OCR text, device, system, app version, product, steps. A title that the description
    begins with is left out, and so is any part that stood before.
    """
    told = list(_told(ticket))
    facts = [
        normalise(fact) if fact else ""
        for fact in (ticket.device, ticket.os, ticket.app_version, ticket.product)
    ]
    if facts[2][:1].isdigit():
        facts[2] = "v" + facts[2]  # four numbers by themselves would read as an IP address
    steps = [normalise(step) for step in ticket.steps]
    text, counts = _masked(_join([*told, *facts, *steps], 2 * (policy.max_chars + _LONGEST_NUMBER)), policy)
    told_well = (_understandable(_masked(part, policy)[0] if counts else part) for part in (*told, *steps))
    if _understandable(text) and any(told_well):
        return text, counts
    if ticket.event in _WITHOUT_TEXT:
        return "", counts
    raise Invalid("empty_text", "description", "title, description, OCR text or steps must hold words")


def _told(ticket: Ticket) -> Iterator[str]:
    title, description = normalise(ticket.title), normalise(ticket.description)
    opening = title.casefold().rstrip(_ENDINGS)
    if description[: len(opening)].casefold()[: len(opening)] != opening:
        yield title
    yield description
    for text in ticket.ocr_texts:
        yield normalise(text)


def _join(parts: Iterable[str], max_chars: int) -> str:
    """Parts as sentences one after the other; no part twice, and none that begins beyond `max_chars`."""
    text = ""
    for part in dict.fromkeys(parts):
        if len(text) > max_chars:
            break
        if part and text:
            text += (" " if text[-1] in _ENDINGS else ". ") + part
        else:
            text += part
    # A tag may have been opened in one part and closed in the next.
    return normalise(text) if "<" in text or "&" in text else text


def _masked(text: str, policy: CleanPolicy) -> tuple[str, Mapping[Kind, int]]:
    """A normal text masked and within `max_chars`, with what was masked in it.

    A little over twice that length is read, so that no ticket costs more than its share; the end of what was read
    may be half a number and goes. What is cut can turn its neighbour into personal data ("call 1234567 times" into
    "call 1234567"), so that a cut text is masked again.
    """
    if not text:
        return text, {}
    read = 2 * (policy.max_chars + _LONGEST_NUMBER)
    masked = mask(text[:read], policy.mask, policy.recogniser)
    counts = masked.counts
    limit = policy.max_chars
    if len(text) > read:
        limit = min(limit, max(0, len(masked.text) - _LONGEST_NUMBER))
    while len(masked.text) > limit:
        masked = mask(_cut(masked.text, limit), policy.mask, policy.recogniser)
        counts = _sum(counts, masked.counts)
    return masked.text, counts


def _sum(left: Mapping[Kind, int], right: Mapping[Kind, int]) -> Mapping[Kind, int]:
    if not right:
        return left
    return {kind: left.get(kind, 0) + right.get(kind, 0) for kind in {**left, **right}}


def _cut(text: str, max_chars: int) -> str:
    """At most `max_chars` of `text`: up to the last blank near the end, and never through a token."""
    end = max_chars
    blank = text.rfind(" ", max(0, end - _LONGEST_WORD), end + 1)
    if blank >= 0:
        end = blank
    for token in TOKEN.finditer(text, max(0, end - _LONGEST_TOKEN), end + _LONGEST_TOKEN):
        if token.start() < end < token.end():
            end = token.start()
    return text[:end].rstrip()


def _understandable(text: str) -> bool:
    """Whether a letter, a digit or a picture is left beside the tokens; pictures are what Unicode calls So."""
    if _WORD.search(text) is None:
        return any(unicodedata.category(char) == "So" for char in text)
    return _WORD.search(TOKEN.sub("", text)) is not None
