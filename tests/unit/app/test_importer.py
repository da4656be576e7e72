"""Importing without Kafka: what is handed on, in which chunks and with which positions, after any number of kills."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.lines import BadRow
from app.files.mapping import ColumnMapping, TicketRow
from app.files.rows import Row
from app.importing.position import (
    FIRST_LINE,
    Progress,
    import_name,
    note_file,
    read_note,
    write_note,
)
from app.importing.run import MAX_CHUNK_BYTES, Account, import_rows
from app.importing.writer import TicketWriter
from models.errors import Fatal, Transient


class Killed(Exception):
    """The process ends here."""


class Log:
    """A sink that keeps tickets and position together, as a transaction does; dies when told to."""

    def __init__(self) -> None:
        self.chunks: list[list[int]] = []
        self.position = FIRST_LINE
        self.dies_after: int | None = None

    def write(self, rows: Sequence[TicketRow], next_line: int) -> None:
        if self.dies_after is not None and self.dies_after == 0:
            raise Killed
        self.dies_after = self.dies_after and self.dies_after - 1
        self.chunks.append([row.line for row in rows])
        self.position = next_line

    @property
    def lines(self) -> list[int]:
        return [line for chunk in self.chunks for line in chunk]


def _rows(count: int, bad: frozenset[int] = frozenset()) -> list[Row | BadRow]:
    """Rows of three lines each, so that lines and numbers of rows differ."""
    return [BadRow(3 * i + 2, "broken") if i in bad else Row(3 * i + 2, {}) for i in range(count)]


def _read(row: Row) -> TicketRow | BadRow:
    return TicketRow(row.line, str(row.line), b"{}")


def _run(
    rows: Sequence[Row | BadRow],
    log: Log,
    chunk_rows: int = 4,
    limit: int | None = None,
    read: Callable[[Row], TicketRow | BadRow] = _read,
) -> tuple[Account, list[int]]:
    bad: list[int] = []
    account = import_rows(rows, read, log, log.position, chunk_rows, lambda row: bad.append(row.line), limit)
    return account, bad


def test_rows_are_handed_on_in_chunks_with_the_line_after_them() -> None:
    log = Log()
    account, bad = _run(_rows(10, frozenset({1})), log)
    assert log.chunks == [[2, 8, 11, 14], [17, 20, 23, 26], [29]]
    assert log.position == 30
    assert account == Account(rows=10, imported=9, bad=1)
    assert bad == [5]


def test_a_row_that_is_no_ticket_is_reported_and_passed_over() -> None:
    log = Log()
    account, bad = _run(
        _rows(3), log, read=lambda row: BadRow(5, "no ticket") if row.line == 5 else _read(row)
    )
    assert (log.lines, bad, account) == ([2, 8], [5], Account(3, 2, 1))


def test_long_tickets_make_short_chunks() -> None:
    log = Log()
    long = b"x" * (MAX_CHUNK_BYTES // 2 + 1)
    _run(_rows(3), log, read=lambda row: TicketRow(row.line, "t", long))
    assert log.chunks == [[2], [5], [8]]


def test_a_limit_counts_rows_read_and_the_next_run_goes_on_behind_it() -> None:
    log = Log()
    assert _run(_rows(10, frozenset({0})), log, limit=3)[0] == Account(rows=3, imported=2, bad=1)
    assert _run(_rows(10, frozenset({0})), log)[0] == Account(rows=10, imported=7, bad=1)
    assert log.lines == [row.line for row in _rows(10)][1:]


def test_a_second_run_imports_nothing_and_still_tells_what_is_bad() -> None:
    log = Log()
    first = _run(_rows(9, frozenset({2, 8})), log)
    again = _run(_rows(9, frozenset({2, 8})), log)
    assert again == (Account(rows=9, imported=0, bad=2), first[1])
    assert len(log.lines) == 7


@given(
    count=st.integers(0, 40),
    bad=st.frozensets(st.integers(0, 40)),
    chunks=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 7)), max_size=6),
)
def test_every_good_row_is_imported_once_however_often_it_is_killed(
    count: int, bad: frozenset[int], chunks: list[tuple[int, int]]
) -> None:
    rows, log = _rows(count, bad), Log()
    for log.dies_after, chunk_rows in chunks:
        try:
            _run(rows, log, chunk_rows)
        except Killed:
            continue
    log.dies_after = None
    account, _ = _run(rows, log)
    assert log.lines == [row.line for row in rows if isinstance(row, Row)]
    assert account.bad == len(bad & frozenset(range(count)))


def test_a_kafka_that_never_answers_is_given_up_and_left_alone() -> None:
    writer = TicketWriter(
        {"bootstrap.servers": "127.0.0.1:1"}, "tickets", "abc", "murmur2", 1000, 15.0, deadline_s=0.2
    )
    with pytest.raises(Transient, match=r"did not answer within 0\.2 s; the same command goes on"):
        writer.claim()
    writer.close()


def _file(folder: Path, content: bytes, name: str = "t.csv") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def test_an_import_is_named_by_content_mapping_and_topic(tmp_path: Path) -> None:
    one, mapping = _file(tmp_path / "a", b"id\n1\n"), ColumnMapping().digest()
    other_mapping = ColumnMapping(timezone="UTC").digest()
    names = {
        import_name(one, mapping, "topic"),
        import_name(_file(tmp_path / "b", b"id\n2\n"), mapping, "topic"),
        import_name(one, other_mapping, "topic"),
        import_name(one, mapping, "made again"),
    }
    assert len(names) == 4
    assert import_name(_file(tmp_path / "c", b"id\n1\n", "renamed.csv"), mapping, "topic") in names


def test_a_file_that_is_not_utf8_is_refused_before_anything_is_imported(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="line 3, byte 2"):
        import_name(_file(tmp_path, b"id\n1\nx\xe9\n"), "", "")


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    note = note_file(tmp_path / "data", "abc")
    for line in (7, 9):
        write_note(note, Progress("t.csv", "tickets", line))
    assert read_note(note) == Progress("t.csv", "tickets", 9)
    assert [path.name for path in note.parent.iterdir()] == ["abc.json"]


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"file":"a"}', b"\xff"])
def test_a_note_that_cannot_be_understood_is_none(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_bytes(content)
    assert read_note(path) is None
