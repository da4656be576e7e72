"""`sluice import`: a file of tickets into the ticket topic, each row exactly once, however often it is interrupted."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Annotated, Any

import orjson
import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from agents.exits import Exit
from agents.topics import TopicNames
from app.cli.console import Bootstrap, Json, err, out, print_json
from app.connect import bootstrap_of, check_login
from app.files.lines import BadRow
from app.files.mapping import ColumnMapping, mapping_of, sources_of
from app.files.rows import read_columns
from app.importing.job import Task, check_only, publish
from app.importing.run import Account
from app.settings import kafka_options, load_settings
from models.errors import Fatal

_SHOWN = 20

File = Annotated[Path, typer.Argument(metavar="FILE", help="CSV, TSV or JSON Lines in UTF-8, each also .gz.")]
Maps = Annotated[
    list[str] | None,
    typer.Option("--map", metavar="FIELD=COLUMN", help="Where a field comes from; an empty COLUMN: nowhere."),
]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="FIELD=VALUE", help="The same value in every ticket.")
]
TimeFormat = Annotated[
    str | None, typer.Option("--time-format", help="Of times that are not ISO 8601, e.g. '%d.%m.%Y %H:%M'.")
]
Timezone = Annotated[
    str | None, typer.Option("--timezone", help="Zone of times without an offset, e.g. Europe/Berlin.")
]
Now = Annotated[bool, typer.Option("--now", help="Rows without a creation time were created now.")]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Judge every row and show the mapping; send nothing.")
]
Limit = Annotated[int | None, typer.Option("--limit", min=1, help="Read no more rows than this.")]
Errors = Annotated[Path | None, typer.Option("--errors", help="Every bad row into this file, as JSON Lines.")]
Restart = Annotated[
    bool, typer.Option("--restart", help="From the first row, though it was imported before.")
]


def add_to(cli: typer.Typer) -> None:
    """Put the command on the command line."""
    cli.command("import")(import_file)


def import_file(
    file: File,
    maps: Maps = None,
    sets: Sets = None,
    time_format: TimeFormat = None,
    timezone: Timezone = None,
    now: Now = False,
    dry_run: DryRun = False,
    limit: Limit = None,
    errors: Errors = None,
    restart: Restart = False,
    bootstrap: Bootstrap = None,
    as_json: Json = False,
) -> None:
    """Import tickets from a file; bad rows are listed, the others imported.

    Interrupted or killed, the same command goes on where it ended, and no row is imported twice. That holds for
    the same bytes, mapping and topic; a file that has grown is another file, all of which is imported.

    Fields are found by the columns' usual names: see --dry-run. A row without an id gets <file name>:<line>. A row
    that does not say its event is `resolved` or `closed` where its status says so, `resolved` where it has a
    resolution but no status, and else `created`.

    Exit codes: 0 all rows are good, 1 some are bad or Kafka failed, 2 bad usage.

    Example: sluice import tickets.csv.gz --map description=Body --timezone Europe/Berlin
    """
    began = time.monotonic()
    settings = load_settings(bootstrap=bootstrap)
    mapping = mapping_of(
        read_columns(file),
        _pairs("--map", maps),
        _pairs("--set", sets),
        time_format,
        timezone,
        datetime.now(UTC) if now else None,
    )
    resumed_at = None
    with _bad_rows(errors, file) as bad, _progress(file, as_json) as tell:
        task = Task(file, mapping, limit, bad.add, tell)
        if dry_run:
            account = check_only(task, settings)
        else:
            address, topic = bootstrap_of(settings), TopicNames(settings.topic_prefix).tickets
            check_login(kafka_options(settings, address))
            account, resumed_at = publish(task, settings, address, topic, restart)
    outcome = _Outcome(account, resumed_at, time.monotonic() - began)
    if as_json:
        print_json(outcome.to_json() | ({"imported": 0, **_mapping_json(file, mapping)} if dry_run else {}))
    else:
        if dry_run:
            _show_mapping(file, mapping)
        _show(outcome, bad, dry_run)
    if account.bad:
        raise typer.Exit(Exit.FAILED.value)


@dataclass(frozen=True, slots=True)
class _Outcome:
    account: Account
    resumed_at: int | None
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return {**asdict(self.account), "resumed_at": self.resumed_at, "seconds": round(self.seconds, 3)}


@dataclass(slots=True)
class _BadRows:
    """The first bad rows for the screen, all of them for the file."""

    file: IO[bytes] | None
    first: list[BadRow] = field(default_factory=list)

    def add(self, row: BadRow) -> None:
        if len(self.first) < _SHOWN:
            self.first.append(row)
        if self.file is not None:
            self.file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))


@contextmanager
def _bad_rows(path: Path | None, imported: Path) -> Iterator[_BadRows]:
    if path is None:
        yield _BadRows(None)
        return
    if path.resolve() == imported.resolve():
        raise Fatal(f"--errors {path}: is the file to be imported")
    try:
        file = path.open("wb")
    except OSError as error:
        raise Fatal(f"--errors {path}: cannot be written ({error.strerror})") from None
    with file:
        yield _BadRows(file)


@contextmanager
def _progress(path: Path, as_json: bool) -> Iterator[Callable[[int], None]]:
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=as_json or not err.is_terminal,
    )
    with bar:
        shown = bar.add_task(escape(path.name), total=path.stat().st_size)
        yield lambda count: bar.update(shown, completed=count)


def _pairs(option: str, said: list[str] | None) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for item in said or ():
        name, equals, value = item.partition("=")
        if not equals:
            raise Fatal(f"{option} {item}: a field and a value are needed, e.g. {option} title=Subject")
        if name in pairs:
            raise Fatal(f"{option} {name}: is given twice")
        pairs[name] = value
    return pairs


def _mapping_json(path: Path, mapping: ColumnMapping) -> dict[str, Any]:
    columns = read_columns(path)
    found = {source.field: source.column for source in sources_of(mapping, columns)}
    unused = [column for column in columns if column not in found.values()]
    return {"mapping": found, "constants": dict(mapping.constants), "unused": unused}


def _show_mapping(path: Path, mapping: ColumnMapping) -> None:
    columns = read_columns(path)
    sources = sources_of(mapping, columns)
    table = Table("field", "from", "because")
    for source in sources:
        table.add_row(
            source.field, f"column {escape(source.column)}", "of its name" if source.is_usual else "--map"
        )
    for name, value in mapping.constants:
        table.add_row(name, escape(value), "--set")
    out.print(table)
    unused = [column for column in columns if column not in {source.column for source in sources}]
    if unused:
        out.print(f"left out: {escape(', '.join(unused))}", highlight=False)


def _show(outcome: _Outcome, bad: _BadRows, dry_run: bool) -> None:
    account = outcome.account
    for row in bad.first:
        out.print(f"line {row.line}: {row.reason}", highlight=False, markup=False, soft_wrap=True)
    if account.bad > len(bad.first):
        rest = f"… and {account.bad - len(bad.first)} more"
        out.print(rest if bad.file else f"{rest}; --errors FILE lists all", highlight=False)
    did = f"{account.imported} would be imported" if dry_run else f"{account.imported} imported"
    since = f", from line {outcome.resumed_at} on" if outcome.resumed_at else ""
    out.print(
        f"{account.rows} rows: {did}{since}, {account.bad} bad, {outcome.seconds:.1f} s", highlight=False
    )
