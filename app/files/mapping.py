"""Mapping: which column means which field of a ticket event, and the event that a row becomes. After rows.

    field of the event   what it is taken from, the first that there is
    any                  --set FIELD=VALUE; the column of --map FIELD=COLUMN; a column with a usual name (names.py)
    ticket_id            …; `<file name>:<line>`
    event                …; by the status or resolution of the row (values.kind_told_by)
    created_at           …; the time of --now

Columns that mean no field are left out. An event is judged by the same codec that the worker reads it with, so that
what was imported does not become a dead letter for its form.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from app.files import names, values
from app.files.lines import BadRow
from app.files.rows import Row
from models.errors import Fatal
from schemas.codec import Limits, decode_ticket
from schemas.contract import write_time
from schemas.ticket import TicketEventKind
from schemas.unreadable import Unreadable

_FIND_COLUMN = {
    "created_at": "say --map created_at=COLUMN, --set created_at=TIME, or --now",
    "description": "say --map description=COLUMN or --map title=COLUMN",
}
_TIMES = ("created_at", "updated_at")
_SOME_TIME = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
_WITH_TEXT = frozenset({TicketEventKind.CREATED, TicketEventKind.UPDATED})
_TEXTS = ("title", "description", "attachments", "steps")

_READERS: dict[str, Callable[[object], object]] = {
    **dict.fromkeys(("ticket_id", "customer_id"), values.identifier),
    **dict.fromkeys(("title", "description", "resolution"), values.text),
    **dict.fromkeys(("version", "schema_version"), values.whole),
    "attachments": values.attachments,
    "steps": values.steps,
    "event": values.kind,
}


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """How rows become ticket events.

    Attributes:
        columns: field and column as `--map` gave them; an empty column leaves its field out.
        constants: field and value as `--set` gave them.
        time_format: of `datetime.strptime`, or None for ISO 8601 and epoch numbers.
        timezone: IANA name of the zone that times without an offset are in; None refuses them.
        now: the creation time of rows that have none; None refuses them.
    """

    columns: tuple[tuple[str, str], ...] = ()
    constants: tuple[tuple[str, str], ...] = ()
    time_format: str | None = None
    timezone: str | None = None
    now: datetime | None = None

    def digest(self) -> str:
        """Hex digits that differ where the events of one file would; the moment of `now` is no part of it."""
        said = [self.columns, self.constants, self.time_format, self.timezone, self.now is not None]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class TicketRow:
    """A ticket event in JSON, from the row that begins at `line`."""

    line: int
    ticket_id: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Source:
    """Where a field comes from. `is_usual`: by the column's name, not by `--map`."""

    field: str
    column: str
    is_usual: bool


def mapping_of(
    columns: Sequence[str],
    maps: Mapping[str, str],
    sets: Mapping[str, str],
    time_format: str | None = None,
    timezone: str | None = None,
    now: datetime | None = None,
) -> ColumnMapping:
    """The mapping that the command line asks for, checked against the columns of the file.

    Raises:
        Fatal: a field or column does not exist, a field is given twice, the zone is unknown, or the file has
            nothing that could be a creation time or a text.
    """
    for field in (*maps, *sets):
        if field not in names.FIELDS:
            raise Fatal(f"{field}: no such field; the fields are: {', '.join(names.FIELDS)}")
    if twice := [field for field in maps if field in sets]:
        raise Fatal(f"{twice[0]}: is given by --map and by --set")
    if lost := [column for column in maps.values() if column and column not in columns]:
        raise Fatal(f"no column {', '.join(lost)}; {_there(columns)}")
    _check_times(time_format, timezone)
    mapping = ColumnMapping(
        tuple(sorted(maps.items())), tuple(sorted(sets.items())), time_format, timezone, now
    )
    _check_constants(mapping)
    given = {source.field for source in sources_of(mapping, tuple(columns))} | set(sets)
    if "created_at" not in given and now is None:
        raise Fatal(f"no column for created_at: {_FIND_COLUMN['created_at']}; {_there(columns)}")
    if not given & {*_TEXTS, "event", names.STATUS}:
        raise Fatal(f"no column for a text: {_FIND_COLUMN['description']}; {_there(columns)}")
    return mapping


@lru_cache(maxsize=1024)
def sources_of(mapping: ColumnMapping, columns: tuple[str, ...]) -> tuple[Source, ...]:
    """Where each field of a row with these columns comes from, constants left out."""
    said, constant = dict(mapping.columns), dict(mapping.constants)
    usual = {field: column for field, column in names.find(columns).items() if field not in said}
    taken = {field: column for field, column in {**usual, **said}.items() if column and field not in constant}
    return tuple(
        Source(field, taken[field], field in usual)
        for field in names.FIELDS
        if field in taken and taken[field] in columns
    )


def ticket_row(row: Row, mapping: ColumnMapping, file_name: str, limits: Limits) -> TicketRow | BadRow:
    """The ticket event of a row, or the field that is wrong and what is allowed there.

    The same row of the same file gives the same bytes, but for the time of `now`.

    Args:
        limits: those that the worker accepts records by.
    """
    found = {
        source.field: row.values[source.column]
        for source in sources_of(mapping, tuple(row.values))
        if not _is_left_out(source, row.values[source.column])
    }
    found.update(mapping.constants)
    try:
        event = _event(found, mapping)
    except _BadField as error:
        return BadRow(row.line, f"{error.field}: {error.allowed}")
    event.setdefault("ticket_id", f"{file_name}:{row.line}")
    try:
        value = orjson.dumps(event)
        ticket = decode_ticket(value, limits)
    except orjson.JSONEncodeError:  # nested beyond all sense
        return BadRow(row.line, "record: a value cannot be written as JSON")
    except Unreadable as error:
        return BadRow(row.line, f"{error.field or 'record'}: {error.detail}")
    if ticket.event in _WITH_TEXT and not any(event.get(field) for field in _TEXTS):
        return BadRow(row.line, "description: a title, a description, or another text is needed")
    return TicketRow(row.line, ticket.ticket_id, value)


def _is_left_out(source: Source, value: object) -> bool:
    """Whether there is nothing in the cell, or something else than a usual name promises."""
    own_type = names.OWN_TYPE.get(source.field) if names.plain(source.column) == source.field else None
    return values.is_empty(value) or (
        source.is_usual and own_type is not None and not isinstance(value, own_type)
    )


class _BadField(Exception):
    def __init__(self, field: str, allowed: str) -> None:
        super().__init__(field)
        self.field, self.allowed = field, allowed


def _event(found: Mapping[str, object], mapping: ColumnMapping) -> dict[str, Any]:
    event: dict[str, Any] = {}
    for field, value in found.items():
        if field == names.STATUS:
            continue
        try:
            if field in _TIMES:
                event[field] = write_time(values.instant(value, mapping.time_format, mapping.timezone))
            else:
                event[field] = _READERS.get(field, values.word)(value)
        except values.Misfit as error:
            raise _BadField(field, error.allowed) from None
    if "event" not in event:
        event["event"] = values.kind_told_by(found).value
    if "created_at" not in event:
        if mapping.now is None:
            raise _BadField("created_at", "this field is required; say --now to import such rows as of now")
        event["created_at"] = write_time(mapping.now)
    return event


def _check_times(time_format: str | None, timezone: str | None) -> None:
    if time_format is not None:
        if "%Z" in time_format:
            raise Fatal("--time-format: %Z would be read and not heeded; use %z, or --timezone")
        try:
            datetime.strptime(_SOME_TIME.strftime(time_format), time_format)  # noqa: DTZ007
        except ValueError as error:
            raise Fatal(f"--time-format {time_format}: {error}") from None
    if timezone is not None:
        try:
            ZoneInfo(timezone)
        except (ValueError, KeyError, OSError):
            raise Fatal(
                f"--timezone {timezone}: no such zone; an IANA name, e.g. Europe/Berlin or UTC"
            ) from None


def _check_constants(mapping: ColumnMapping) -> None:
    """A constant that no event can hold would make every row bad."""
    others = {"ticket_id": "any", "event": TicketEventKind.DELETED.value}
    try:
        event = _event({**others, **dict(mapping.constants)}, replace(mapping, now=_SOME_TIME))
        decode_ticket(orjson.dumps(event), Limits())
    except _BadField as error:
        raise Fatal(f"--set {error.field}: {error.allowed}") from None
    except Unreadable as error:
        raise Fatal(f"--set {error.field}: {error.detail}") from None


def _there(columns: Sequence[str]) -> str:
    return f"the file's columns are: {', '.join(columns) or 'none'}"
