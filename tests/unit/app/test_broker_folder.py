"""The broker's folder: what its record says, and what a sweep removes and leaves."""

import subprocess
import sys
from pathlib import Path

import pytest

from app.broker.folder import (
    Node,
    Record,
    node_folder,
    read_record,
    running_bootstrap,
    sweep,
    write_record,
)
from app.broker.process import Process, identify

WAIT_FOR_EVER = [sys.executable, "-c", "import signal; signal.pause()"]
RECORD = Record(
    cluster_id="abc",
    heap="512m",
    nodes=(Node(1, 20001, 20002, Process(4_194_304, "long ago")), Node(2, 20003, 20004)),
)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD)
    assert read_record(tmp_path) == RECORD
    assert [path.name for path in tmp_path.iterdir()] == ["broker.json"]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"cluster_id": "a", "heap": "1m", "nodes": [{"number": 1}]}', "\x00"],
    ids=["empty", "cut off", "a list", "no fields", "half a node", "not text"],
)
def test_a_record_that_cannot_be_understood_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "broker.json").write_text(text)
    assert read_record(tmp_path) is None


def test_no_folder_is_no_record(tmp_path: Path) -> None:
    assert read_record(tmp_path / "nothing") is None
    assert running_bootstrap(tmp_path / "nothing") is None


def test_a_record_whose_processes_are_gone_gives_no_address(tmp_path: Path) -> None:
    write_record(tmp_path, RECORD)
    assert running_bootstrap(tmp_path) is None


def test_one_living_node_is_enough_for_the_address_of_all(tmp_path: Path) -> None:
    with subprocess.Popen(WAIT_FOR_EVER) as child:
        nodes = (Node(1, 20001, 20002, identify(child.pid)), Node(2, 20003, 20004))
        write_record(tmp_path, Record("abc", "512m", nodes))
        assert running_bootstrap(tmp_path) == "127.0.0.1:20001,127.0.0.1:20003"
        child.kill()


def test_a_sweep_ends_the_nodes_and_leaves_what_is_not_its_own(tmp_path: Path) -> None:
    with subprocess.Popen(WAIT_FOR_EVER) as child:
        write_record(tmp_path, Record("abc", "512m", (Node(1, 20001, 20002, identify(child.pid)),)))
        node_folder(tmp_path, 1).mkdir()
        (node_folder(tmp_path, 1) / "server.log").write_text("text")
        (tmp_path / "mine.txt").write_text("text")
        sweep(tmp_path)
        assert child.wait(0) != 0
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_sweep_of_a_folder_of_our_own_removes_it(tmp_path: Path) -> None:
    root = tmp_path / "broker"
    root.mkdir()
    write_record(root, RECORD)
    sweep(root)
    assert not root.exists()
    sweep(root)


def test_a_sweep_spares_a_process_that_has_a_node_s_old_pid(tmp_path: Path) -> None:
    with subprocess.Popen(WAIT_FOR_EVER) as bystander:
        node = Node(1, 20001, 20002, Process(bystander.pid, "long ago"))
        write_record(tmp_path, Record("abc", "512m", (node,)))
        sweep(tmp_path)
        assert identify(bystander.pid) is not None
        bystander.kill()
