"""Masking, scored on texts with labelled personal data: what comes out readable, and what is masked for nothing.

A text is normalised and masked by the operator's own policy, as the first step of routing does it with a ticket's
joined text. The figures count letters and digits; blanks and punctuation of a value tell nothing.

- A labelled type is *claimed* where Sluice says it finds it (`CLAIMS`) and its kind is switched on. Other types are
  listed under `by_type` and count in none of the totals.
- `recall`: share of the labelled values of claimed types of which every letter and digit is masked. Half a number
  masked is a miss.
- `leak_share`: share of the letters and digits of those values that come out readable.
- `precision`: share of the masked pieces that touch a value of a claimed type. A piece on nothing labelled is wrong,
  and so is one that touches only values of other types, such as a telephone number seen in a postcode; these are
  also counted apart, as `masks_on_other_types`. Where only some types are asked for, pieces on the others are left out.
- `us_per_text`: processor time of normalising and masking one text, in microseconds.
"""

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.files.lines import BadRow
from app.files.rows import Row, read_rows
from models.errors import Fatal
from models.routing.clean import CleanPolicy
from models.routing.mask import Masked, mask
from models.routing.masking.span import Kind
from models.routing.normalise import normalise

CLAIMS: Mapping[str, frozenset[Kind]] = {
    **dict.fromkeys(("PHONE_NUMBER", "PHONE"), frozenset({Kind.PHONE})),
    **dict.fromkeys(("EMAIL_ADDRESS", "EMAIL"), frozenset({Kind.EMAIL})),
    **dict.fromkeys(("CREDIT_CARD", "CARD"), frozenset({Kind.CARD})),
    **dict.fromkeys(("IBAN_CODE", "IBAN"), frozenset({Kind.IBAN})),
    **dict.fromkeys(("IP_ADDRESS", "IP"), frozenset({Kind.IP})),
    **dict.fromkeys(("MAC_ADDRESS", "MAC"), frozenset({Kind.MAC})),
    **dict.fromkeys(
        ("US_SSN", "US_ITIN", "US_DRIVER_LICENSE", "CN_ID", "NATIONAL_ID", "ID"), frozenset({Kind.ID})
    ),
    **dict.fromkeys(("US_PASSPORT", "CN_PASSPORT", "PASSPORT"), frozenset({Kind.PASSPORT})),
    **dict.fromkeys(("BANK_ACCOUNT", "US_BANK_NUMBER", "ACCOUNT"), frozenset({Kind.ACCOUNT})),
    **dict.fromkeys(("LICENSE_PLATE", "PLATE"), frozenset({Kind.PLATE})),
    **dict.fromkeys(("WECHAT_ID", "WECHAT"), frozenset({Kind.WECHAT})),
    # Without HOST, scheme and host stay, and a label that takes them in is never masked whole.
    **dict.fromkeys(("URL", "DOMAIN_NAME", "HOST"), frozenset({Kind.HOST})),
    **dict.fromkeys(("PERSON", "NAME"), frozenset({Kind.NAME})),
    **dict.fromkeys(("STREET_ADDRESS", "ADDRESS"), frozenset({Kind.ADDRESS})),
}
"""Labels that people use, and the kind that has to be on for Sluice to claim it finds them."""


@dataclass(frozen=True, slots=True)
class Value:
    """A labelled piece of personal data: characters [start, end) of its text, and what it is called there."""

    type: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SpannedText:
    """A text in which personal data is labelled; `line` counts from 1."""

    line: int
    id: str
    text: str
    values: tuple[Value, ...]


@dataclass(slots=True)
class _Tally:
    n: int = 0
    whole: int = 0
    told: int = 0  # letters and digits
    leaked: int = 0

    def add(self, told: int, leaked: int) -> None:
        self.n += 1
        self.whole += leaked == 0
        self.told += told
        self.leaked += leaked

    def figures(self) -> dict[str, Any]:
        return {
            "n": self.n,
            "recall": _share(self.whole, self.n),
            "leak_share": _share(self.leaked, self.told),
        }


@dataclass(slots=True)
class _Count:
    by_type: dict[str, _Tally] = field(default_factory=dict)
    masks: int = 0
    right: int = 0
    on_other_types: int = 0
    misses: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0


def read_spanned(path: Path, report: Callable[[BadRow], None]) -> list[SpannedText]:
    """The texts of a JSON Lines file (also .gz): `text`, and `spans` of `type`, `start`, `end` and, to be checked
    against the text, `value`.

    Raises:
        Fatal: it cannot be read, or holds no such text.
    """
    found: list[SpannedText] = []
    for row in read_rows(path):
        item = row if isinstance(row, BadRow) else _spanned(path.name, row)
        if isinstance(item, BadRow):
            report(item)
        else:
            found.append(item)
    if not found:
        raise Fatal(
            f"{path.name}: no text with spans; each line needs text, and spans of type, start and end"
        )
    return found


def _spanned(name: str, row: Row) -> SpannedText | BadRow:
    text, spans = row.values.get("text"), row.values.get("spans")
    if not isinstance(text, str) or not isinstance(spans, list):
        return BadRow(row.line, "text: a string is needed, and spans: a list")
    values = []
    for number, span in enumerate(spans):
        value = _value(text, span)
        if isinstance(value, str):
            return BadRow(row.line, f"spans[{number}]: {value}")
        values.append(value)
    return SpannedText(row.line, str(row.values.get("id") or f"{name}:{row.line}"), text, tuple(values))


def _value(text: str, span: object) -> Value | str:
    """The labelled value, or what is wrong with it."""
    if not isinstance(span, dict) or not isinstance(span.get("type"), str):
        return "an object with a type is needed"
    start, end = span.get("start"), span.get("end")
    if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
        return "start and end must be characters of the text"
    if span.get("value", text[start:end]) != text[start:end]:
        return "value does not stand there"
    return Value(span["type"].upper(), start, end)


def evaluate_masking(
    texts: Sequence[SpannedText],
    policy: CleanPolicy,
    types: Collection[str] = (),
    misses: int = 0,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Any]:
    """The figures that the module's docstring explains, for machines.

    Args:
        types: labels to count; all where there are none.
        misses: of so many values of claimed types that were not masked whole, where they stand is listed, never
            what they are.
    """
    wanted = {name.upper() for name in types} or {value.type for text in texts for value in text.values}
    claimed = {name for name, kinds in CLAIMS.items() if kinds <= policy.mask}
    count = _Count()
    for done, text in enumerate(texts, start=1):
        _add(count, text, wanted, claimed, policy, misses)
        tell(done, len(texts))
    return _report(count, len(texts), claimed, policy)


def _add(
    count: _Count,
    text: SpannedText,
    wanted: set[str],
    claimed: set[str],
    policy: CleanPolicy,
    misses: int,
) -> None:
    start = time.process_time()
    normal = normalise(text.text)
    masked = mask(normal, policy.mask, policy.recogniser)
    count.seconds += time.process_time() - start
    hidden = _hidden(masked)
    places = [(value, *_place(text.text, normal, value)) for value in text.values]
    for value, first, last in places:
        if value.type not in wanted:
            continue
        told = [at for at in range(first, last) if normal[at].isalnum()]
        leaked = sum(at not in hidden for at in told)
        count.by_type.setdefault(value.type, _Tally()).add(len(told), leaked)
        if leaked and value.type in claimed and len(count.misses) < misses:
            where = {"id": text.id, "line": text.line, "type": value.type}
            count.misses.append({**where, "start": value.start, "end": value.end})
    for span in masked.spans:
        touched = {value.type for value, first, last in places if span.start < last and first < span.end}
        if touched and not touched & wanted:
            continue
        count.masks += 1
        count.right += bool(touched & wanted & claimed)
        count.on_other_types += bool(touched) and not touched & wanted & claimed


def _hidden(masked: Masked) -> set[int]:
    return {at for span in masked.spans for at in range(span.start, span.end)}


def _place(text: str, normal: str, value: Value) -> tuple[int, int]:
    """Where the value stands in the normalised text: where it is found nearest to where the text before it ends.

    A value that normalising took apart (it cannot be found) is taken to stand right there.
    """
    written = normalise(text[value.start : value.end])
    near = len(normalise(text[: value.start]))
    found = min(_places(normal, written), key=lambda at: abs(at - near), default=min(near, len(normal)))
    return found, min(found + len(written), len(normal))


def _places(text: str, written: str) -> Iterator[int]:
    at = text.find(written) if written else -1
    while at >= 0:
        yield at
        at = text.find(written, at + 1)


def _report(count: _Count, texts: int, claimed: set[str], policy: CleanPolicy) -> dict[str, Any]:
    total = _Tally()
    for name, tally in count.by_type.items():
        if name in claimed:
            total.n, total.whole = total.n + tally.n, total.whole + tally.whole
            total.told, total.leaked = total.told + tally.told, total.leaked + tally.leaked
    figures = total.figures()
    return {
        "recall": figures["recall"],
        "precision": _share(count.right, count.masks),
        "leak_share": figures["leak_share"],
        "by_type": {
            name: {**tally.figures(), "claimed": name in claimed}
            for name, tally in sorted(count.by_type.items())
        },
        "claims": {name: _names(CLAIMS[name]) for name in sorted(claimed & set(count.by_type))},
        "mask": _names(policy.mask),
        "texts": texts,
        "values": total.n,
        "masks": count.masks,
        "masks_on_other_types": count.on_other_types,
        "us_per_text": round(count.seconds / texts * 1e6, 1) if texts else None,
        "misses": count.misses,
    }


def _names(kinds: Iterable[Kind]) -> list[str]:
    return sorted(kind.value for kind in kinds)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None
