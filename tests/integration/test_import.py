"""`sluice import` against a real Kafka: each row exactly once, whatever is killed, stopped, forgotten or repeated."""

import os
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from confluent_kafka import Message

from agents import admin
from agents.home import Homes, Partitioner
from agents.topics import TopicNames, topic_specs
from app.broker import LocalCluster
from app.importing.position import Progress, read_note
from schemas.codec import Limits, decode_ticket
from tests import kafka
from tests.conftest import PARTITIONS
from tests.eventually import eventually

pytestmark = pytest.mark.integration

# The command alone: the others would only make a process slower to start.
_PROGRAM = """
import typer
from app.cli import console, imports
from models.errors import SluiceError

cli = typer.Typer()
cli.callback()(lambda: None)
imports.add_to(cli)
try:
    cli()
except SluiceError as error:
    console.fail(error)
"""
_ROOT = Path(__file__).resolve().parents[2]
_PATIENCE_S = 120
_ROWS = 10_000
_BAD = {501: "columns", 4_002: "created_at", 9_003: "text"}  # by number of the row
_KILLS = 5


@dataclass(frozen=True)
class Importer:
    """Runs the command on one file into one test's topics."""

    folder: Path
    bootstrap: str
    names: TopicNames
    partitioner: str = "murmur2"

    @property
    def file(self) -> Path:
        return self.folder / "tickets.csv"

    def start(self, *options: str) -> "subprocess.Popen[bytes]":
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SLUICE_")}
        return subprocess.Popen(
            [sys.executable, "-c", _PROGRAM, "import", str(self.file), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=_ROOT,
            env={
                **environment,
                "SLUICE_BOOTSTRAP": self.bootstrap,
                "SLUICE_TOPIC_PREFIX": self.names.prefix,
                "SLUICE_DATA_DIR": str(self.folder / "data"),
                "SLUICE_BATCH_RECORDS": "40",
                "SLUICE_PARTITIONER": self.partitioner,
            },
        )

    def run(self, *options: str) -> tuple[int, dict[str, Any]]:
        """Exit code and what `--json` says of a run to the end; an empty dict where it says nothing."""
        process = self.start("--json", *options)
        output, _ = process.communicate(timeout=_PATIENCE_S)
        return process.returncode, orjson.loads(output) if output else {}

    def note(self) -> Progress | None:
        found = list((self.folder / "data" / "imports").glob("*.json"))
        return read_note(found[0]) if found else None

    def group(self) -> str:
        (note,) = (self.folder / "data" / "imports").glob("*.json")
        return f"sluice-import-{note.stem}"

    def next_line(self) -> int:
        note = self.note()
        return note.next_line if note else 1

    def records(self) -> list[Message]:
        return kafka.read_all(self.bootstrap, self.names.tickets)

    def ids(self) -> Counter[str]:
        return Counter((record.key() or b"").decode() for record in self.records())


@pytest.fixture
def importer(tmp_path: Path, broker: str, topics: TopicNames) -> Importer:
    return Importer(tmp_path, broker, topics)


def _write(file: Path, rows: int, bad: dict[int, str] | None = None) -> Counter[str]:
    """A file of tickets; returns the ids of its good rows, once each. Texts run over two lines."""
    broken = {"columns": "{0},x\n", "created_at": '{0},"a\nb",never\n', "text": "{0},,2024-03-01T12:00:00Z\n"}
    good = '{0},"Row {0}\nfails, again",2024-03-01T12:00:00Z\n'
    by_row = bad or {}
    lines = [broken[by_row[i]].format(i) if i in by_row else good.format(i) for i in range(rows)]
    file.write_text("id,description,created_at\n" + "".join(lines), encoding="utf-8")
    return Counter(str(i) for i in range(rows) if i not in by_row)


def _line(row: int) -> int:
    """Where a row of `_write` begins; every row before it has two lines, but for the bad ones of one."""
    return 2 + 2 * row - sum(1 for bad, why in _BAD.items() if bad < row and why != "created_at")


def test_each_row_is_there_exactly_once_after_being_killed_again_and_again(importer: Importer) -> None:
    good = _write(importer.file, _ROWS, _BAD)
    for _ in range(_KILLS):
        goal = importer.next_line() + 2 * _ROWS // (_KILLS + 2)
        process = importer.start()
        try:
            assert eventually(lambda goal=goal: importer.next_line() >= goal, _PATIENCE_S)  # type: ignore[misc]
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        assert process.returncode == -signal.SIGKILL
    errors = importer.folder / "errors.jsonl"
    code, said = importer.run("--errors", str(errors))
    assert importer.ids() == good
    assert code == 1
    assert said["rows"] == _ROWS
    assert said["bad"] == len(_BAD)
    assert 0 < said["imported"] < _ROWS // 2
    assert said["resumed_at"] > _ROWS
    reasons = {item["line"]: item["reason"] for item in map(orjson.loads, errors.read_bytes().splitlines())}
    assert list(reasons) == [_line(row) for row in _BAD]
    for word, reason in zip(_BAD.values(), reasons.values(), strict=True):
        assert word in reason
    assert importer.run()[1]["imported"] == 0


def test_what_is_written_is_what_the_worker_reads(importer: Importer) -> None:
    _write(importer.file, 50)
    assert importer.run()[0] == 0
    records = importer.records()
    assert len(records) == 50
    for record in records:
        ticket = decode_ticket(record.value(), Limits())
        assert record.key() == ticket.ticket_id.encode()
        assert ticket.description == f"Row {ticket.ticket_id}\nfails, again"
        headers = dict(record.headers() or [])
        assert headers["ce_type"] == b"sluice.ticket.v1"
        assert headers["ce_subject"] == record.key()
    assert len({dict(record.headers() or [])["ce_id"] for record in records}) == 50
    assert len({record.partition() for record in records}) > 1


@pytest.mark.fault
def test_a_broker_that_dies_ends_the_import_and_the_next_one_goes_on(
    tmp_path: Path, cluster: LocalCluster
) -> None:
    importer = Importer(tmp_path, cluster.bootstrap, TopicNames())
    admin.create(kafka.admin(cluster.bootstrap), topic_specs(importer.names, 4, replication=1))
    good = _write(importer.file, _ROWS)
    process = importer.start()
    try:
        assert eventually(lambda: importer.next_line() > 1_000, _PATIENCE_S)
        cluster.kill(1)
        _, complaint = process.communicate(timeout=_PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 1
    assert complaint.count(b"\n") == 1
    assert b"the same command goes on where this one ended" in complaint
    cluster.restart(1)
    assert importer.run()[0] == 0
    assert importer.ids() == good


def test_a_process_that_was_only_asleep_is_fenced_by_the_one_that_took_over(importer: Importer) -> None:
    good = _write(importer.file, _ROWS)
    sleeper = importer.start()
    try:
        assert eventually(lambda: importer.next_line() > 100, _PATIENCE_S)
        sleeper.send_signal(signal.SIGSTOP)
        assert importer.run()[0] == 0
        sleeper.send_signal(signal.SIGCONT)
        _, complaint = sleeper.communicate(timeout=_PATIENCE_S)
    finally:
        sleeper.kill()
        sleeper.communicate()
    assert sleeper.returncode == 1
    assert complaint.count(b"\n") == 1
    assert b"another process has taken this import over" in complaint
    assert importer.ids() == good


def test_a_stop_by_hand_ends_with_one_and_loses_nothing(importer: Importer) -> None:
    good = _write(importer.file, _ROWS)
    process = importer.start()
    try:
        assert eventually(lambda: importer.next_line() > 100, _PATIENCE_S)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=_PATIENCE_S)
    finally:
        process.kill()
        process.communicate()
    assert process.returncode in (1, 130)
    assert importer.run()[0] == 0
    assert importer.ids() == good


def test_kafka_alone_knows_the_position(importer: Importer) -> None:
    good = _write(importer.file, 100)
    importer.run("--limit", "60")
    for note in (importer.folder / "data" / "imports").iterdir():
        note.unlink()
    code, said = importer.run()
    assert (code, said["imported"], said["resumed_at"]) == (0, 40, _line(59) + 1)
    assert importer.ids() == good


def test_the_note_goes_on_when_kafka_has_forgotten_the_position(importer: Importer) -> None:
    good = _write(importer.file, 100)
    importer.run("--limit", "60")
    client = kafka.admin(importer.bootstrap)
    client.delete_consumer_groups([importer.group()])[importer.group()].result(_PATIENCE_S)
    code, said = importer.run()
    assert (code, said["imported"], said["resumed_at"]) == (0, 40, _line(59) + 1)
    assert importer.ids() == good


def test_a_topic_made_again_is_filled_again(importer: Importer) -> None:
    good = _write(importer.file, 100)
    importer.run()
    client = kafka.admin(importer.bootstrap)
    client.delete_topics([importer.names.tickets], operation_timeout=30)[importer.names.tickets].result(30)
    assert eventually(lambda: importer.names.tickets not in client.list_topics(timeout=10).topics)
    admin.create(client, topic_specs(importer.names, 4, replication=1))
    assert importer.run()[1]["imported"] == 100
    assert importer.ids() == good


def test_a_restart_imports_everything_once_more(importer: Importer) -> None:
    good = _write(importer.file, 100)
    importer.run()
    code, said = importer.run("--restart")
    assert (code, said["imported"], said["resumed_at"]) == (0, 100, None)
    assert importer.ids() == good + good
    assert importer.run()[1]["imported"] == 0


def test_a_dry_run_sends_nothing(importer: Importer) -> None:
    _write(importer.file, 10, {3: "text"})
    code, said = importer.run("--dry-run")
    assert (code, said["rows"], said["imported"], said["bad"]) == (1, 10, 0, 1)
    assert said["mapping"] == {"ticket_id": "id", "description": "description", "created_at": "created_at"}
    assert importer.records() == []


@pytest.mark.parametrize(
    ("bootstrap", "prefix", "code", "complaint"),
    [
        pytest.param("127.0.0.1:1", "", 1, "no Kafka broker answers at 127.0.0.1:1", id="no-broker"),
        pytest.param(None, "nowhere.", 2, "no topic nowhere.tickets there", id="no-topic"),
    ],
)
def test_what_is_missing_is_said_in_one_line(
    importer: Importer, bootstrap: str | None, prefix: str, code: int, complaint: str
) -> None:
    lost = Importer(importer.folder, bootstrap or importer.bootstrap, TopicNames(prefix))
    _write(lost.file, 3)
    process = lost.start()
    _, said = process.communicate(timeout=_PATIENCE_S)
    assert process.returncode == code
    assert complaint in said.decode()
    assert said.count(b"\n") == 1


@pytest.mark.parametrize("partitioner", ["murmur2", "crc32"])
def test_tickets_stand_where_the_workers_look_for_them(importer: Importer, partitioner: Partitioner) -> None:
    placed = replace(importer, partitioner=partitioner)
    _write(placed.file, 60)
    assert placed.run()[0] == 0
    records = placed.records()
    homes = Homes(partitioner, PARTITIONS)
    assert {record.partition() for record in records} == set(range(PARTITIONS))
    assert all(homes.of((record.key() or b"").decode()) == record.partition() for record in records)
