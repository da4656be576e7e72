"""Rows of a CSV, TSV or JSON Lines file, each with the line that it begins at. After lines, before mapping.

What is wrong with one row costs that row alone: it comes out as a BadRow, and the next one is read.
"""

import csv
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

import orjson

from app.files.lines import MAX_RECORD_BYTES, BadRow, Line, open_file, read_lines
from models.errors import Fatal

DELIMITERS = {".csv": ",", ".tsv": "\t"}
JSON_LINES = (".jsonl", ".ndjson", ".json")
_SAMPLE_ROWS = 100

Record = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Row:
    """A row's values by column, as the file has them: text in CSV and TSV, any JSON value in JSON Lines."""

    line: int
    values: dict[str, object]


def read_rows(path: Path, file: IO[bytes] | None = None) -> Iterator[Row | BadRow]:
    """The rows of a file, in its order, in constant memory; blank lines are passed over.

    CSV and TSV follow RFC 4180: a header is required, a quote inside quotes is doubled, and a quoted field may
    hold line ends.

    Args:
        path: names the format by its extension; read from the start unless `file` is given.
        file: the opened file; its `tell()` says how far the reading is, of the gzipped bytes where it is gzipped.

    Raises:
        Fatal: the file cannot be opened, its extension or header is of no use, or it is not UTF-8.
    """
    extension = _extension(path)
    with file or open_file(path) as opened:
        lines = read_lines(path.name, opened)
        if extension in DELIMITERS:
            records = _csv_records(lines, DELIMITERS[extension])
            yield from _csv_rows(_header(path.name, records), records)
        else:
            yield from _json_rows(path.name, lines)


def read_columns(path: Path) -> tuple[str, ...]:
    """The columns of a file: its header, or the keys of the first hundred objects.

    Raises:
        Fatal: as `read_rows`.
    """
    extension = _extension(path)
    if extension in DELIMITERS:
        with open_file(path) as file:
            return _header(path.name, _csv_records(read_lines(path.name, file), DELIMITERS[extension]))
    rows = islice((row for row in read_rows(path) if isinstance(row, Row)), _SAMPLE_ROWS)
    return tuple(dict.fromkeys(column for row in rows for column in row.values))


def _extension(path: Path) -> str:
    extension = Path(path.name.lower().removesuffix(".gz")).suffix
    if extension not in DELIMITERS and extension not in JSON_LINES:
        allowed = ", ".join([*DELIMITERS, *JSON_LINES])
        raise Fatal(f"{path.name}: its extension is none of {allowed}, each also with .gz")
    return extension


# -- CSV and TSV


class _Feed:
    """Lines for `csv.reader`, which remembers what the record at hand has taken, so that it can be given back.

    To the reader it ends where a record grows too long or runs into a broken line; inside quotes that is an
    error of the record. It goes on when it is asked for the next record.
    """

    def __init__(self, lines: Iterator[Line | BadRow]) -> None:
        self._lines, self._back = lines, deque[Line | BadRow]()
        self._size = 0
        self.taken: list[Line] = []
        self.broken: BadRow | None = None

    def __iter__(self) -> "_Feed":
        return self

    def __next__(self) -> str:
        if self._size > MAX_RECORD_BYTES:
            raise StopIteration
        item = self._back.popleft() if self._back else next(self._lines)
        if isinstance(item, BadRow):
            if self.taken:
                self._back.appendleft(item)
            else:
                self.broken = item
            raise StopIteration
        self.taken.append(item)
        self._size += len(item.text)
        return item.text

    def begin(self) -> None:
        """A new record begins at the next line."""
        self.taken, self.broken, self._size = [], None, 0

    def give_back(self) -> None:
        """All lines of the record but its first are read again."""
        self._back.extendleft(reversed(self.taken[1:]))


def _csv_records(lines: Iterator[Line | BadRow], delimiter: str) -> Iterator[Record | BadRow]:
    """Cells of each record with the line that it begins at.

    A record that is malformed costs its first line alone, since a stray quote there would otherwise swallow
    those below it.
    """
    csv.field_size_limit(
        max(csv.field_size_limit(), 2 * MAX_RECORD_BYTES)
    )  # records are bounded here instead
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True)
    while True:
        feed.begin()
        try:
            cells = next(reader)
        except StopIteration:
            if feed.broken is None:
                return
            yield feed.broken
        except csv.Error as error:
            yield BadRow(feed.taken[0].number, _malformed(error))
            feed.give_back()
        else:
            if cells:
                yield feed.taken[0].number, cells


def _malformed(error: csv.Error) -> str:
    if "end of data" in str(error):
        return "a quoted field is opened and not closed, or too long"
    return f"malformed: {error}"  # the module's own words name characters of the format only


def _header(name: str, records: Iterator[Record | BadRow]) -> tuple[str, ...]:
    first = next(records, None)
    if first is None:
        raise Fatal(f"{name}: is empty; a header with the columns' names is needed")
    if isinstance(first, BadRow):
        raise Fatal(f"{name}: line {first.line}, the header: {first.reason}")
    columns = [column.strip() or f"column {i}" for i, column in enumerate(first[1], start=1)]
    repeated = sorted({column for column in columns if columns.count(column) > 1})
    if repeated:
        raise Fatal(f"{name}: the header names a column twice: {', '.join(repeated)}")
    return tuple(columns)


def _csv_rows(columns: tuple[str, ...], records: Iterator[Record | BadRow]) -> Iterator[Row | BadRow]:
    for record in records:
        if isinstance(record, BadRow):
            yield record
            continue
        line, cells = record
        if len(cells) == len(columns):
            yield Row(line, dict(zip(columns, cells, strict=True)))
        else:
            yield BadRow(line, f"{len(cells)} columns, the header has {len(columns)}")


# -- JSON Lines


def _json_rows(name: str, lines: Iterator[Line | BadRow]) -> Iterator[Row | BadRow]:
    is_first = True
    for line in lines:
        if isinstance(line, BadRow):
            yield line
            continue
        text = line.text.strip()
        if not text:
            continue
        if is_first and text.startswith("["):
            raise Fatal(f"{name}: is one JSON array; one object a line is needed, e.g. by jq -c '.[]'")
        is_first = False
        yield _json_row(line.number, text)


def _json_row(number: int, text: str) -> Row | BadRow:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return BadRow(number, "is not JSON")
    return Row(number, value) if isinstance(value, dict) else BadRow(number, "is no JSON object")
