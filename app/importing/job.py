"""Job: one whole import, from the file to the last committed chunk. Puts mapping, run, position and writer together."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from app.files.lines import BadRow, open_file
from app.files.mapping import ColumnMapping, TicketRow
from app.files.rows import Row, read_rows
from app.importing.position import FIRST_LINE, Progress, import_name, note_file, read_note, write_note
from app.importing.run import Account, import_rows, reader_of
from app.importing.writer import TicketWriter, find_topic
from app.settings import Settings, kafka_options
from schemas.codec import Limits

_ROWS_A_TELL = 200


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be imported.

    Attributes:
        limit: rows to read at most; None reads all.
        report: told of every bad row.
        tell: told now and then how many bytes of the file were read.
    """

    path: Path
    mapping: ColumnMapping
    limit: int | None
    report: Callable[[BadRow], None]
    tell: Callable[[int], None]


def check_only(task: Task, settings: Settings) -> Account:
    """Judge every row as an import would; nothing is sent."""
    return _run(task, settings, _Nowhere(), FIRST_LINE)


def publish(
    task: Task, settings: Settings, bootstrap: str, topic: str, restart: bool
) -> tuple[Account, int | None]:
    """Import into `topic`, from where the last run of the same import ended; says the line, None for the beginning.

    Args:
        restart: begin at the first row, whatever was imported before.

    Raises:
        Fatal: the file or the topic is of no use.
        Transient: Kafka cannot be reached, or failed; the next run goes on where this one ended.
    """
    options = kafka_options(settings, bootstrap)
    name = import_name(task.path, task.mapping.digest(), find_topic(options, topic))
    writer = TicketWriter(
        options,
        topic,
        name,
        settings.partitioner,
        settings.max_record_bytes,
        settings.transaction_timeout_s,
    )
    with closing(writer):
        sink = _Noting(writer, note_file(settings.data_dir, name), task.path.name, topic)
        first_line = sink.begin(restart)
        account = _run(task, settings, sink, first_line)
    return account, first_line if first_line > FIRST_LINE else None


def _run(task: Task, settings: Settings, sink: "_Noting | _Nowhere", first_line: int) -> Account:
    read = reader_of(task.mapping, task.path.name, Limits(max_bytes=settings.max_record_bytes))
    with open_file(task.path) as file, closing(_told(task, file)) as rows:
        return import_rows(rows, read, sink, first_line, settings.batch_records, task.report, task.limit)


def _told(task: Task, file: BufferedReader) -> Generator[Row | BadRow, None, None]:
    for count, row in enumerate(read_rows(task.path, file)):
        if count % _ROWS_A_TELL == 0:
            task.tell(file.tell())
        yield row


class _Nowhere:
    """The sink of a dry run."""

    def write(self, rows: Sequence[TicketRow], next_line: int) -> None:
        """Nothing is sent."""


class _Noting:
    """The writer, with a note of every position that Kafka has taken."""

    def __init__(self, writer: TicketWriter, note: Path, file_name: str, topic: str) -> None:
        self._writer, self._note, self._file_name, self._topic = writer, note, file_name, topic

    def begin(self, restart: bool) -> int:
        """The line to begin at: by Kafka's word where it has one, else by the note, else the first."""
        in_kafka = self._writer.claim()
        if restart:
            self.write((), FIRST_LINE)  # at once, so that a kill before the first chunk does not undo it
            return FIRST_LINE
        noted = read_note(self._note)
        return in_kafka or (noted.next_line if noted else FIRST_LINE)

    def write(self, rows: Sequence[TicketRow], next_line: int) -> None:
        self._writer.write(rows, next_line)
        write_note(self._note, Progress(self._file_name, self._topic, next_line))
