"""Every consumer of the product reads committed records only: by one of two builders of options, or by its own word."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from agents.follower import reader_options
from app.settings import Settings
from app.wires import consumer_options

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [*sorted((ROOT / "agents").rglob("*.py")), *sorted((ROOT / "app").rglob("*.py"))]

BUILDERS = {"reader_options", "consumer_options"}
# What makes a consumer: confluent-kafka's class, and where it is handed on under another name.
MAKERS = {"Consumer", "DeserializingConsumer", "AIOConsumer", "AIOKafkaConsumer", "_connect", "consumer"}
LEVEL, COMMITTED = "isolation.level", "'read_committed'"


def name_of(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def made(tree: ast.AST) -> Iterator[ast.Call]:
    """The calls that make a consumer."""
    return (n for n in ast.walk(tree) if isinstance(n, ast.Call) and name_of(n.func) in MAKERS)


def says_so(node: ast.AST) -> Iterator[ast.expr]:
    """The keys of a dictionary under which it says that committed records are read."""
    if isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == LEVEL and ast.unparse(value) == COMMITTED:
                yield key


def astray(source: str) -> list[int]:
    """Lines that hand on options of which nobody says that they read committed records, or that say otherwise."""
    tree = ast.parse(source)
    said = {id(key) for node in ast.walk(tree) for key in says_so(node)}
    otherwise = [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == LEVEL and id(node) not in said
    ]
    named = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and any(says_so(node.value))
        for target in node.targets
        if isinstance(target, ast.Name)
    }

    def reads_committed(node: ast.AST) -> bool:
        return (isinstance(node, ast.Call) and name_of(node.func) in BUILDERS) or (
            isinstance(node, ast.Name) and node.id in named
        )

    return otherwise + [c.lineno for c in made(tree) if not any(map(reads_committed, ast.walk(c)))]


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(reader_options, id="readers of whole topics"),
        pytest.param(lambda kafka: consumer_options(Settings(), kafka), id="the wire"),
    ],
)
def test_the_options_read_committed_whatever_the_cluster_is_reached_by(
    build: Callable[[dict[str, Any]], dict[str, Any]],
) -> None:
    assert build({})[LEVEL] == "read_committed"
    assert build({LEVEL: "read_uncommitted"})[LEVEL] == "read_committed"


@pytest.mark.parametrize("path", SOURCES, ids=[str(path.relative_to(ROOT)) for path in SOURCES])
def test_every_consumer_reads_committed(path: Path) -> None:
    assert astray(path.read_text()) == []


def test_the_consumers_of_the_worker_are_among_those_looked_at() -> None:
    found = {path.name for path in SOURCES for _ in made(ast.parse(path.read_text()))}
    assert {"follower.py", "worker.py", "surging.py", "alerting.py", "replay.py"} <= found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        pytest.param("Consumer(reader_options(kafka))", [], id="the options alone"),
        pytest.param("Consumer({**reader_options(kafka), 'log_level': 0})", [], id="and more"),
        pytest.param("parts.consumer({**consumer_options(s, kafka)})", [], id="the wire's"),
        pytest.param(f"o = {{'{LEVEL}': {COMMITTED}}}\nConsumer({{**kafka, **o}})", [], id="said by itself"),
        pytest.param(f"o = {{'{LEVEL}': 'x'}}\nConsumer(o)", [1, 2], id="said otherwise by itself"),
        pytest.param("Consumer({'group.id': 'x'})", [1], id="others"),
        pytest.param("\nconfluent_kafka.Consumer(kafka)", [2], id="by its full name"),
        pytest.param("self._connect(kafka)", [1], id="handed on"),
        pytest.param(f"Consumer({{**reader_options(kafka), '{LEVEL}': 'x'}})", [1], id="another level"),
        pytest.param(f"options['{LEVEL}'] = 'read_uncommitted'", [1], id="set afterwards"),
    ],
)
def test_one_that_is_not_is_found(source: str, lines: list[int]) -> None:
    assert astray(source) == lines
