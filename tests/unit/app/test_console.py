"""The command line: help that comes at once and shows an example, one line for what is wrong, and exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from agents.exits import Exit
from app.cli import console
from models.errors import BadGeneration, Fatal, Invalid, PoisonFlood, SluiceError, Transient
from tests.unit.app.conftest import Run

ROOT = Path(__file__).resolve().parents[3]

HEAVY = ("faiss", "faust", "hdbscan", "onnxruntime", "scipy", "sklearn", "torch")

# Every command's help, asked for in one process that has done nothing else.
_ALL_HELP = """
import contextlib, io, json, sys
import typer
from app.cli.command import build

def helps(command, path):
    if hasattr(command, "commands"):
        for name, child in command.commands.items():
            yield from helps(child, (*path, name))
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.suppress(SystemExit):
        command.main(["--help"], prog_name=" ".join(path))
    yield " ".join(path), said.getvalue()

found = dict(helps(typer.main.get_command(build()), ("sluice",)))
heavy = [name for name in sys.argv[1:] if name in sys.modules]
json.dump({"helps": found, "heavy": heavy}, sys.stdout)
"""


@pytest.fixture(scope="module")
def asked() -> dict[str, dict[str, str] | list[str]]:
    answer = subprocess.run(
        [sys.executable, "-c", _ALL_HELP, *HEAVY],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        check=True,
    )
    found: dict[str, dict[str, str] | list[str]] = json.loads(answer.stdout)
    return found


@pytest.fixture
def run(sluice: Run) -> Run:
    """Runs `sluice` with these words."""
    return sluice


def test_every_commands_help_shows_an_example(asked: dict[str, dict[str, str]]) -> None:
    helps = asked["helps"]
    commands = {name for name in helps if not any(other.startswith(f"{name} ") for other in helps)}
    assert {
        "sluice worker",
        "sluice bootstrap",
        "sluice demo",
        "sluice import",
        "sluice topics create",
    } <= commands
    assert [name for name in commands if "Example: " not in helps[name]] == []
    for name in commands:
        example = helps[name].partition("Example: ")[2]
        assert name in example.partition("\n\n")[0]


def test_help_names_every_command(asked: dict[str, dict[str, str]]) -> None:
    helps = asked["helps"]
    for name in (name for name in helps if name != "sluice"):
        parent, _, word = name.rpartition(" ")
        assert f" {word} " in helps[parent]


def test_help_swallows_no_word_as_markup(asked: dict[str, dict[str, str]]) -> None:
    assert [name for name, text in asked["helps"].items() if "[]" in text] == []


def test_help_loads_nothing_heavy(asked: dict[str, list[str]]) -> None:
    assert asked["heavy"] == []


def test_help_is_no_failure(run: Run) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert "Usage: " in out


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(["nonsense"], id="no-such-command"),
        pytest.param(["worker", "--nonsense"], id="no-such-option"),
        pytest.param(["worker", "--web-port", "70000"], id="value-out-of-range"),
        pytest.param(["demo", "--rate", "fast"], id="value-of-another-kind"),
        pytest.param(["bootstrap"], id="argument-missing"),
        pytest.param(["topics", "create", "extra"], id="argument-too-many"),
        pytest.param([], id="no-command"),
    ],
)
def test_usage_errors_end_with_two(run: Run, words: list[str]) -> None:
    code, out, err = run(*words)
    assert code == 2
    assert "Traceback" not in out + err
    assert "Usage: " in out + err


@pytest.mark.parametrize(
    ("words", "variables", "code", "said"),
    [
        pytest.param(
            ["worker"], {"BATCH_RECORDS": "0"}, 2, "SLUICE_BATCH_RECORDS: input should be greater", id="setting-worker"
        ),
        pytest.param(
            ["demo"], {"LOG_LEVEL": "loud"}, 2, "SLUICE_LOG_LEVEL: input should be 'debug'", id="setting-command"
        ),
        pytest.param(["topics", "check"], {"TYPO": "1"}, 2, "SLUICE_TYPO: no such setting", id="variable"),
        pytest.param(["worker"], {}, 75, "no Kafka to talk to: set SLUICE_BOOTSTRAP", id="worker-no-kafka"),
        pytest.param(["bootstrap", "{csv}"], {}, 1, "no Kafka to talk to: set SLUICE_BOOTSTRAP", id="command-no-kafka"),
        pytest.param(["topics", "check"], {}, 1, "no Kafka to talk to: set SLUICE_BOOTSTRAP", id="topics-no-kafka"),
        pytest.param(["import", "{csv}", "--now"], {}, 1, "no Kafka to talk to: set", id="import-no-kafka"),
        pytest.param(
            ["worker", "--bootstrap", "k:1"], {"SSL_CA_LOCATION": "/nowhere"}, 2,
            "SLUICE_SSL_CA_LOCATION: no file at /nowhere", id="worker-no-certificate",
        ),
        pytest.param(["bootstrap", "nowhere.csv"], {}, 2, "nowhere.csv: cannot be read", id="no-file"),
        pytest.param(["bootstrap", "{csv}", "--owner", "x"], {}, 2, "column x", id="no-column"),
        pytest.param(["bootstrap", "{csv}", "--problem", "x"], {}, 2, "no column x; its columns", id="no-problem"),
        pytest.param(["bootstrap", "{csv}", "--map", "title"], {}, 2, "--map title: a field and", id="no-pair"),
        pytest.param(["bootstrap", "{csv}", "--teams", "x.toml"], {}, 2, "x.toml: cannot be read", id="no-teams"),
        pytest.param(["demo", "--tickets", "x.csv"], {}, 2, "x.csv: no such file", id="demo-no-file"),
        pytest.param(["demo", "--tickets", "{csv}"], {}, 2, "tickets.csv: no column text, label", id="demo-no-column"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_its_code(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    words: list[str], variables: dict[str, str], code: int, said: str,
) -> None:  # fmt: skip
    csv = tmp_path / "tickets.csv"
    csv.write_text("id,description,team\n1,the app crashes,mobile\n")
    for name, value in variables.items():
        monkeypatch.setenv(f"SLUICE_{name}", value)
    ended, out, err = run(*(word.format(csv=csv) for word in words))
    assert (ended, out) == (code, "")
    assert err.startswith("sluice: ")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Fatal("bad usage"), 2),
        (Transient("no broker"), 1),
        (BadGeneration("another encoder"), 1),
        (PoisonFlood("too many"), 1),
        (Invalid("empty_text", None, "words"), 1),
        (SluiceError("unheard of"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_commands_end_with_one_or_two(
    error: SluiceError, code: int, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        console.fail(error)
    assert ended.value.code == code
    assert capfd.readouterr().err == f"sluice: {error}\n"


def test_a_code_of_a_workers_own_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        console.fail(Transient("no [broker] there"), Exit.RESTART)
    assert ended.value.code == 75
    assert capfd.readouterr().err == "sluice: no [broker] there\n"


def test_progress_is_silent_where_nobody_looks(capfd: pytest.CaptureFixture[str]) -> None:
    with console.progress() as tell:
        tell(1, 2)
        tell(2, 2)
        tell(0, 3)
    assert capfd.readouterr() == ("", "")


def test_json_is_one_object_in_the_writers_own_script(capfd: pytest.CaptureFixture[str]) -> None:
    console.print_json({"team": "物联网", "share": None})
    written = capfd.readouterr().out
    assert json.loads(written) == {"team": "物联网", "share": None}
    assert "物联网" in written
