"""Pairs: which tickets report the same thing, as people said in a file. First step of evaluating duplicates.

A row holds two texts, or the ids of two tickets of another file, and whether they are duplicates.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.files.lines import BadRow
from app.files.rows import Row, read_columns, read_rows
from app.files.values import Misfit, instant
from models.errors import Fatal
from schemas.contract import epoch_ms_of

Rows = NDArray[np.int64]
Flags = NDArray[np.bool_]

_YES = frozenset({"1", "1.0", "true", "yes", "y", "dup", "duplicate"})
_NO = frozenset({"0", "0.0", "false", "no", "n", ""})


@dataclass(frozen=True, slots=True)
class PairColumns:
    """Where a pair's two texts or ids stand, and whether they are duplicates."""

    a: str = "a"
    b: str = "b"
    dup: str = "dup"


@dataclass(frozen=True, slots=True)
class TicketColumns:
    """Where a ticket's id and text (several columns joined by `+`) stand, and, where a file has them, its creation,
    customer and product."""

    id: str = "id"
    text: str = "text"
    at: str | None = None
    customer: str | None = None
    product: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """What somebody reported. What is not known is None; `created_at_ms` is epoch milliseconds."""

    text: str
    customer_id: str | None = None
    product: str | None = None
    created_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class LabelledPairs:
    """Reports, and which of them are duplicates.

    Attributes:
        reports: every text once.
        pairs: [n, 2] rows of `reports`.
        is_duplicate: [n].
        groups: [reports] a number for each, the same for those that duplicates connect, directly or not.
        only_duplicates: whether the file lists duplicates alone: others have to be drawn.
        unknown: rows that name a ticket that is not there.
        bad_rows: rows that could not be used.
    """

    reports: list[Report]
    pairs: Rows
    is_duplicate: Flags
    groups: Rows
    only_duplicates: bool
    unknown: int
    bad_rows: list[BadRow]


def read_pairs(
    path: Path, columns: PairColumns, tickets: Path | None = None, of_ticket: TicketColumns | None = None
) -> LabelledPairs:
    """The pairs of a CSV, TSV or JSON Lines file, also .gz.

    Args:
        tickets: where `a` and `b` are ids: the file of the tickets. A file of ids without the column `dup` lists
            duplicates alone.

    Raises:
        Fatal: a file cannot be read, lacks a column or holds no pair.
    """
    bad: list[BadRow] = []
    there = read_columns(path)
    only_duplicates = tickets is not None and columns.dup not in there
    _require(path.name, there, (columns.a, columns.b, *(() if only_duplicates else (columns.dup,))))
    known = None if tickets is None else _tickets(tickets, of_ticket or TicketColumns(), bad)
    reports: dict[str, int] = {}
    pairs, labels, unknown = [], [], 0
    duplicates: list[tuple[str, str]] = []
    for row in read_rows(path):
        found = row if isinstance(row, BadRow) else _pair(row, columns, only_duplicates, known is not None)
        if isinstance(found, BadRow):
            bad.append(found)
            continue
        if found[2]:
            duplicates.append(found[:2])
        if known is not None and not (found[0] in known and found[1] in known):
            unknown += 1
        else:
            pairs.append([reports.setdefault(side, len(reports)) for side in found[:2]])
            labels.append(found[2])
    if not pairs:
        raise Fatal(f"{path.name}: no pair that could be used")
    if known is not None:
        for name in known:
            reports.setdefault(name, len(reports))
    return LabelledPairs(
        reports=[Report(name) if known is None else known[name] for name in reports],
        pairs=np.array(pairs, dtype=np.int64),
        is_duplicate=np.array(labels, dtype=np.bool_),
        groups=_groups(list(reports), duplicates),
        only_duplicates=only_duplicates,
        unknown=unknown,
        bad_rows=bad,
    )


def _pair(
    row: Row, columns: PairColumns, only_duplicates: bool, are_ids: bool
) -> tuple[str, str, bool] | BadRow:
    a, b = (_word(row.values.get(column)) for column in (columns.a, columns.b))
    if not a or not b:
        return BadRow(row.line, f"{columns.a}, {columns.b}: two are needed")
    if are_ids and a == b:
        return BadRow(row.line, f"{columns.a}, {columns.b}: are one ticket")
    if only_duplicates:
        return a, b, True
    label = _word(row.values.get(columns.dup)).casefold()
    if label not in _YES | _NO:
        return BadRow(row.line, f"{columns.dup}: allowed are 0 and 1")
    return a, b, label in _YES


def _tickets(path: Path, columns: TicketColumns, bad: list[BadRow]) -> dict[str, Report]:
    there = read_columns(path)
    texts = (columns.text,) if columns.text in there else tuple(columns.text.split("+"))
    named = [name for name in (columns.at, columns.customer, columns.product) if name is not None]
    _require(path.name, there, (columns.id, *texts, *named))
    found: dict[str, Report] = {}
    for row in read_rows(path):
        if isinstance(row, BadRow):
            bad.append(row)
            continue
        name = _word(row.values.get(columns.id))
        text = "\n".join(part for column in texts if (part := _word(row.values.get(column))))
        if name and text:
            created = _instant(row, columns.at, bad)
            customer, product = (
                _word(row.values.get(c)) or None if c else None for c in (columns.customer, columns.product)
            )
            found[name] = Report(text, customer, product, created)
        else:
            bad.append(BadRow(row.line, f"{columns.id}, {columns.text}: an id and a text are needed"))
    return found


def _instant(row: Row, column: str | None, bad: list[BadRow]) -> int | None:
    if column is None or not _word(row.values.get(column)):
        return None
    try:
        return epoch_ms_of(instant(row.values[column], None, "UTC"))
    except Misfit as error:
        bad.append(BadRow(row.line, f"{column}: {error.allowed}"))
        return None


def _require(name: str, there: tuple[str, ...], wanted: tuple[str, ...]) -> None:
    missing = [column for column in wanted if column not in there]
    if missing:
        raise Fatal(f"{name}: no column {', '.join(missing)}; its columns are: {', '.join(there) or 'none'}")


def _word(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _groups(names: list[str], duplicates: list[tuple[str, str]]) -> Rows:
    """A number for each name, [names]: the same for those that duplicates connect, also through others."""
    parent: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := parent.setdefault(name, name)) != name:
            name = above
        return name

    for a, b in duplicates:
        parent[root(a)] = root(b)
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(root(name), len(numbers)) for name in names], dtype=np.int64)
