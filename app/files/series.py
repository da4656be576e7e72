"""Series of counts out of the user's own file, and the times at which people say that something happened. After rows.

A row is a count of a series from a time on, or, where the file has no column of counts, one event, e.g. one ticket of
a category.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
import orjson
from numpy.typing import NDArray

from app.files import names
from app.files.lines import BadRow
from app.files.rows import Row, read_columns, read_rows
from app.files.values import Misfit, identifier, instant, is_empty
from models.errors import Fatal

Longs = NDArray[np.int64]
Floats = NDArray[np.float64]

Span = tuple[int, int]
"""From one time to another, epoch seconds, both ends belong to it."""

_SERIES = ("series", "cluster", "cluster_id")
_COUNT = "count"
_MAX_NAME_CHARS = 200
# So that an hour of one-minute rows stays below 2³¹, which the windows count to.
_MAX_COUNT = 10_000_000


@dataclass(frozen=True, slots=True)
class SeriesColumns:
    """Where a row says what; None for the usual names.

    Attributes:
        time: else a name that helpdesks give the creation time, as `ts` or `created_at` (names.py).
        series: else `series`, `cluster` or `cluster_id`.
        count: else `count`; a file without it holds events, each of which counts 1.
        timezone: IANA name of the zone that times without an offset are in.
    """

    time: str | None = None
    series: str | None = None
    count: str | None = None
    timezone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Series:
    """The counts of one series by time, ascending.

    Attributes:
        at_s: [n] epoch seconds at which each count begins; several may be the same.
        count: [n] from 0 on; fractions are kept as they are.
    """

    name: str
    at_s: Longs
    count: Floats

    @property
    def span(self) -> Span:
        return int(self.at_s[0]), int(self.at_s[-1])


@dataclass(frozen=True, slots=True)
class History:
    """All series of a file, by name.

    Attributes:
        are_events: the file has no counts, each row is one event.
    """

    series: tuple[Series, ...]
    are_events: bool


def read_history(path: Path, columns: SeriesColumns, report: Callable[[BadRow], None]) -> History:
    """The series of a CSV, TSV or JSON Lines file, in whatever order its rows are.

    Args:
        report: told of every row that cannot be used; the others count.

    Raises:
        Fatal: the file cannot be read, lacks a column, holds no row that could be used, or the zone is unknown.
    """
    found = _found(path.name, read_columns(path), columns)
    rows: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for row in read_rows(path):
        item = row if isinstance(row, BadRow) else _counted(row, found)
        if isinstance(item, BadRow):
            report(item)
        else:
            rows[item[0]].append(item[1:])
    if not rows:
        raise Fatal(f"{path.name}: no row that could be used")
    return History(tuple(_series(name, rows[name]) for name in sorted(rows)), found.count is None)


def read_windows(path: Path, timezone: str = "UTC") -> dict[str, list[Span]]:
    """What people say happened: spans by series, out of {series: [[start, end], ...]} in JSON, or with
    {"windows": [[start, end], ...]} for each; times as in a history.

    Raises:
        Fatal: the file cannot be read or is something else; it says which series, and what is allowed.
    """
    try:
        labels = orjson.loads(path.read_bytes())
    except OSError as error:
        raise Fatal(f"{path}: cannot be read ({error.strerror})") from None
    except orjson.JSONDecodeError:
        raise Fatal(f"{path.name}: is not JSON") from None
    if not isinstance(labels, dict):
        raise Fatal(f"{path.name}: {{series: [[start, end], ...]}} is needed")
    return {name: _windows(path.name, name, value, timezone) for name, value in labels.items()}


def _found(name: str, there: tuple[str, ...], asked: SeriesColumns) -> SeriesColumns:
    """The columns that the file has of those asked for, or of the usual ones."""
    try:
        ZoneInfo(asked.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        raise Fatal(f"{asked.timezone}: no such time zone; e.g. Europe/Berlin or UTC") from None
    time = asked.time or names.find(there).get("created_at")
    series = asked.series or next((column for column in _SERIES if column in there), None)
    count = asked.count or (_COUNT if _COUNT in there else None)
    told = f"its columns are: {', '.join(there) or 'none'}"
    if missing := [column for column in (time, series, count) if column is not None and column not in there]:
        raise Fatal(f"{name}: no column {', '.join(missing)}; {told}")
    if time is None:
        raise Fatal(f"{name}: no column of times; say --time COLUMN; {told}")
    if series is None:
        raise Fatal(f"{name}: no column {' or '.join(_SERIES)}; say --series COLUMN; {told}")
    return SeriesColumns(time, series, count, asked.timezone)


def _counted(row: Row, columns: SeriesColumns) -> tuple[str, int, float] | BadRow:
    """(name, epoch seconds, count) of a row, or the column that is wrong and what is allowed there."""
    column = columns.series or ""
    try:
        name = _name(row.values.get(column))
        column = columns.time or ""
        at_s = _at_s(row.values.get(column), columns.timezone)
        column = columns.count or ""
        return name, at_s, 1.0 if columns.count is None else _count(row.values.get(column))
    except Misfit as error:
        return BadRow(row.line, f"{column}: {error.allowed}")


def _name(value: object) -> str:
    name = None if is_empty(value) else identifier(value)
    if not isinstance(name, str) or len(name) > _MAX_NAME_CHARS:
        raise Misfit(f"a name of at most {_MAX_NAME_CHARS} characters is needed")
    return name


def _at_s(value: object, timezone: str) -> int:
    if is_empty(value):
        raise Misfit("a time is needed")
    return _read_time(value, timezone) if isinstance(value, str) else _whole_s(value, timezone)


# Series that are counted side by side share their times.
@lru_cache(maxsize=65_536)
def _read_time(value: str, timezone: str) -> int:
    return _whole_s(value, timezone)


def _whole_s(value: object, timezone: str) -> int:
    return math.floor(instant(value, None, timezone).timestamp())


def _count(value: object) -> float:
    """A number from 0 on, also one written as text; a mean over several minutes may be a fraction."""
    try:
        number = (
            float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
        )
    except (ValueError, OverflowError):
        number = -1.0
    if not 0 <= number <= _MAX_COUNT:
        raise Misfit(f"allowed are numbers from 0 to {_MAX_COUNT:,}")
    return number


def _series(name: str, rows: list[tuple[int, float]]) -> Series:
    at_s = np.array([at for at, _ in rows], dtype=np.int64)
    order = np.argsort(at_s, kind="stable")
    return Series(name, at_s[order], np.array([count for _, count in rows], dtype=np.float64)[order])


def _windows(file: str, name: str, value: object, timezone: str) -> list[Span]:
    pairs = value.get("windows") if isinstance(value, Mapping) else value
    wrong = Fatal(f"{file}: {name}: [[start, end], ...] is needed, each end not before its start")
    if not isinstance(pairs, list):
        raise wrong
    found = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2:
            raise wrong
        try:
            start, end = (_at_s(time, timezone) for time in pair)
        except Misfit as error:
            raise Fatal(f"{file}: {name}: {error.allowed}") from None
        if end < start:
            raise wrong
        found.append((start, end))
    return sorted(found)
