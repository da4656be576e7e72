"""Run: rows in, chunks of ticket events out, and an account of both. After files; the writer stands below."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Protocol

from app.files.lines import BadRow
from app.files.mapping import ColumnMapping, TicketRow, ticket_row
from app.files.rows import Row
from schemas.codec import Limits

# A chunk of long tickets is cut here, so that it fits the client's queue and a transaction stays short.
MAX_CHUNK_BYTES = 8_000_000


class Sink(Protocol):
    """Takes chunks of ticket events, each together with the position that follows it, wholly or not at all."""

    def write(self, rows: Sequence[TicketRow], next_line: int) -> None: ...


@dataclass(frozen=True, slots=True)
class Account:
    """What came of a file.

    Attributes:
        rows: that were read, good and bad.
        imported: that this run handed to the sink.
        bad: that cannot be imported.

    The rest of the rows were imported by an earlier run.
    """

    rows: int
    imported: int
    bad: int


def import_rows(
    rows: Iterable[Row | BadRow],
    read: Callable[[Row], TicketRow | BadRow],
    sink: Sink,
    first_line: int,
    chunk_rows: int,
    report: Callable[[BadRow], None],
    limit: int | None = None,
) -> Account:
    """Hand the good rows to the sink, in their order and in chunks.

    Args:
        read: makes the event of a row.
        first_line: rows that begin before it were imported already; they are judged again, so that what is bad
            in the file is always known whole, but not handed on.
        chunk_rows: most rows of a chunk.
        report: told of every bad row.
        limit: rows to read at most; None reads all.
    """
    counts = _Counts()
    fresh = _fresh(islice(rows, limit), read, first_line, report, counts)
    for chunk in _chunks(fresh, chunk_rows):
        sink.write(chunk, chunk[-1].line + 1)
        counts.imported += len(chunk)
    return Account(counts.rows, counts.imported, counts.bad)


def reader_of(mapping: ColumnMapping, file_name: str, limits: Limits) -> Callable[[Row], TicketRow | BadRow]:
    """`ticket_row` for one file."""
    return lambda row: ticket_row(row, mapping, file_name, limits)


@dataclass(slots=True)
class _Counts:
    rows: int = 0
    imported: int = 0
    bad: int = 0


def _fresh(
    rows: Iterable[Row | BadRow],
    read: Callable[[Row], TicketRow | BadRow],
    first_line: int,
    report: Callable[[BadRow], None],
    counts: _Counts,
) -> Iterator[TicketRow]:
    for row in rows:
        counts.rows += 1
        item = row if isinstance(row, BadRow) else read(row)
        if isinstance(item, BadRow):
            counts.bad += 1
            report(item)
        elif item.line >= first_line:
            yield item


def _chunks(rows: Iterable[TicketRow], chunk_rows: int) -> Iterator[list[TicketRow]]:
    chunk: list[TicketRow] = []
    size = 0
    for row in rows:
        if chunk and (len(chunk) == chunk_rows or size + len(row.value) > MAX_CHUNK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(row)
        size += len(row.value)
    if chunk:
        yield chunk
