"""Kafka's jars: fetched once, by one process, whole or not at all; what is missing is said with its remedy."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.broker.jars import ensure_jars
from models.errors import Fatal

JAVA = """#!/bin/sh
echo '{answer}' >&2
"""
# Counts its calls, and fills the folder that it is told to.
MAVEN = """#!/bin/sh
PATH=/usr/bin:/bin
echo called >> {calls}
for argument; do
  case "$argument" in -DoutputDirectory=*) out="${{argument#-DoutputDirectory=}}";; esac
done
mkdir -p "$out" && touch "$out/kafka_2.13-4.3.1.jar"
echo '[ERROR] the first reason'
exit {status}
"""


class Tools:
    """A folder of commands, alone on the PATH."""

    def __init__(self, root: Path) -> None:
        self.folder, self.calls = root / "bin", root / "calls"
        self.folder.mkdir()

    def java(self, answer: str = 'openjdk version "17.0.15" 2025-04-15') -> "Tools":
        return self._add("java", JAVA.format(answer=answer))

    def maven(self, status: int = 0) -> "Tools":
        return self._add("mvn", MAVEN.format(calls=self.calls, status=status))

    def maven_calls(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0

    def _add(self, name: str, text: str) -> "Tools":
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return self


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tools:
    found = Tools(tmp_path)
    monkeypatch.setenv("PATH", str(found.folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return found


def test_the_first_call_fetches_and_says_so_and_the_second_does_neither(tools: Tools, tmp_path: Path) -> None:
    tools.java().maven()
    said: list[str] = []
    libs = ensure_jars(tmp_path / "cache", said.append)
    assert libs == tmp_path / "cache/kafka-4.3.1/libs"
    assert [jar.name for jar in libs.iterdir()] == ["kafka_2.13-4.3.1.jar"]
    assert len(said) == 1
    assert ensure_jars(tmp_path / "cache", said.append) == libs
    assert (tools.maven_calls(), len(said)) == (1, 1)
    assert [path.name for path in libs.parent.iterdir()] == ["libs"]


def test_several_at_once_fetch_once(tools: Tools, tmp_path: Path) -> None:
    tools.java().maven()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: ensure_jars(tmp_path / "cache"), range(8)))
    assert set(found) == {tmp_path / "cache/kafka-4.3.1/libs"}
    assert tools.maven_calls() == 1


def test_a_fetch_that_fails_gives_maven_s_reason_and_leaves_nothing(tools: Tools, tmp_path: Path) -> None:
    tools.java().maven(status=1)
    with pytest.raises(Fatal, match=r"^Maven could not fetch Apache Kafka: the first reason$"):
        ensure_jars(tmp_path / "cache")
    assert list((tmp_path / "cache/kafka-4.3.1").iterdir()) == []


def test_a_fetch_that_failed_is_tried_again(tools: Tools, tmp_path: Path) -> None:
    tools.java().maven(status=1)
    with pytest.raises(Fatal):
        ensure_jars(tmp_path / "cache")
    tools.maven(status=0)
    assert ensure_jars(tmp_path / "cache").is_dir()


def test_no_maven_is_said_with_its_remedy(tools: Tools, tmp_path: Path) -> None:
    tools.java()
    with pytest.raises(Fatal, match="apt-get install maven"):
        ensure_jars(tmp_path / "cache")


def test_no_java_is_said_with_its_remedy(tools: Tools, tmp_path: Path) -> None:
    tools.maven()
    with pytest.raises(Fatal, match=r"^Java 17 or newer is needed: apt-get install openjdk-17-jre-headless$"):
        ensure_jars(tmp_path / "cache")
    assert tools.maven_calls() == 0


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ('openjdk version "11.0.22" 2024-01-16', "11"),
        ('java version "1.8.0_412"', "8"),
        ('openjdk version "16-ea"', "16"),
        ("no such thing", "an unknown version"),
    ],
    ids=["11", "8 in the old way", "early access", "unreadable"],
)
def test_a_java_that_is_too_old_is_refused(tools: Tools, tmp_path: Path, answer: str, found: str) -> None:
    tools.java(answer).maven()
    with pytest.raises(Fatal, match=rf"Java 17 or newer is needed: .* \(found {found}\)$"):
        ensure_jars(tmp_path / "cache")


@pytest.mark.parametrize("version", ["17", "21.0.2", "25-ea"])
def test_a_newer_java_is_taken(tools: Tools, tmp_path: Path, version: str) -> None:
    tools.java(f'openjdk version "{version}"').maven()
    assert ensure_jars(tmp_path / "cache").is_dir()


def test_java_home_wins_over_the_path(tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools.java('openjdk version "11"').maven()
    (tmp_path / "home").mkdir()
    Tools(tmp_path / "home").java('openjdk version "21"')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    assert ensure_jars(tmp_path / "cache").is_dir()
