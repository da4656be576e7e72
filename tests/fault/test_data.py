"""Data that goes wrong: a flood of what cannot be read, generations that are broken, a disk that is full."""

import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer

from agents.exits import Exit
from agents.generations import generation_records
from schemas.codec import decode
from schemas.dead_letter import DeadLetter
from tests import kafka
from tests.fakes.generations import generation, unit_rows
from tests.fault.conftest import Enter, Stage, times
from tests.fault.scene import Scene

pytestmark = [pytest.mark.fault, pytest.mark.timeout(600)]

POISON = 500


def test_a_flood_of_poison(stage: Stage, enter: Enter) -> None:
    """The worker stops at the limit, and its supervisor leaves it so; the topic keeps what was not read. Once a
    person has raised the limit it goes on. Good tickets stand before, among and behind the poison."""
    scene = stage(seed=41, rate=50.0)
    member = scene.member(batch_records=32).start(dead_letter_max_consecutive=50)
    scene.run()
    scene.load.pause()
    poison = [(b"poison", b"no ticket %d" % number) for number in range(POISON)]
    kafka.produce(scene.bootstrap, scene.names.tickets, poison)
    scene.load.resume()
    assert member.await_end(60) == Exit.POISON
    assert len(kafka.read_all(scene.bootstrap, scene.names.dead)) <= 50
    scene.idle(1, 2)
    back = scene.now()
    member.start(dead_letter_max_consecutive=POISON, dead_letter_max_share=1)
    scene.recovered(back)
    row = scene.close("poison flood, exit 65, limit raised", dead=POISON)
    letters = [decode(DeadLetter, r.value()) for r in kafka.read_all(scene.bootstrap, scene.names.dead)]
    places = [(letter.source.partition, letter.source.offset) for letter in letters]
    assert len(places) == len(set(places)) == POISON
    enter(row)


def half_written(bootstrap: str, topic: str, records: list[tuple[bytes, bytes]]) -> Producer:
    """A writer that has not come to its manifest: its transaction stays open until Kafka's patience ends."""
    writer = kafka.producer(bootstrap, transactional_id=f"{topic}.dead-writer", transaction_timeout_ms=5_000)
    writer.init_transactions(20)
    writer.begin_transaction()
    for key, value in records[:-1]:
        writer.produce(topic, value, key)
    writer.flush(10)
    return writer


def test_broken_generations_leave_the_one_in_force(stage: Stage, enter: Enter) -> None:
    """Published while a worker runs, and found by the next one when it starts."""
    scene = stage(seed=42)
    member = scene.member().start()
    scene.run()
    made = generation(["mobile"], unit_rows(2_000, 512, 1)[:1], [(0, row) for row in unit_rows(900, 512, 2)])
    name, records = generation_records(made)
    (first_key, first), *_ = records
    broken = {
        "a part is missing": records[1:],
        "bytes differ": [(first_key, first.replace(b'"data":"', b'"data":"AAAA')), *records[1:]],
        "no json": [(first_key, b"{"), (name.encode(), b"{")],
        "a manifest alone": records[-1:],
        "another encoder's": records,
    }
    for written in broken.values():
        scene.idle()
        before = scene.now()
        kafka.produce(scene.bootstrap, scene.names.generations, written)
        scene.recovered(before)
    before = scene.now()
    writer = half_written(scene.bootstrap, scene.names.generations, records)
    scene.recovered(before)
    for _ in range(times(2, 1)):
        before = scene.now()
        member.send(signal.SIGKILL)
        scene.recovered(before)
    del writer
    assert "generation_refused" in member.log.read_text()
    assert {seen.generation for seen in scene.reader.seen} == {scene.generation}
    enter(scene.close("corrupt or half-written generation, running and at start"))


@pytest.fixture
def full_disk(stage: Stage, tmp_path: Path) -> Iterator[Scene]:
    """A scene whose data folder is a disk of 256 KiB."""
    scene = stage(seed=43)
    scene.data_dir.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "sluice-fault", str(scene.data_dir)]
    if os.geteuid() != 0 or subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted here: it needs root and the right to mount")
    yield scene
    scene.end()
    subprocess.run(["umount", str(scene.data_dir)], check=True)


def test_a_full_disk(full_disk: Scene, enter: Enter) -> None:
    """A worker keeps nothing on its disk that it needs: it goes on, and it starts."""
    scene = full_disk
    member = scene.member().start()
    scene.run()
    filler = scene.data_dir / "filler"
    with pytest.raises(OSError, match="No space left"):
        filler.write_bytes(bytes(1 << 20))
    scene.recovered(scene.now())
    for _ in range(times(2, 1)):
        scene.idle()
        before = scene.now()
        member.send(signal.SIGKILL)
        scene.recovered(before)
    assert os.statvfs(scene.data_dir).f_bavail == 0
    enter(scene.close("full disk under the data folder, running and at start"))
