"""The documentation names nothing that is not there, and leaves out nothing that an operator can set or run."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.core
import typer.main
from confluent_kafka import Consumer, KafkaException, TopicPartition
from prometheus_client import CollectorRegistry

from agents.exits import Exit
from agents.metrics import declare
from agents.topics import TopicNames
from app.cli.command import build
from app.demo.replay import Collected
from app.demo.report import score
from app.settings import Settings
from schemas.channels import CHANNELS
from schemas.codec import Limits, decode, decode_ticket, encode
from schemas.dead_letter import DeadLetter
from schemas.decision import Decision
from schemas.examples import EXAMPLES
from schemas.feedback import Feedback, FeedbackKind
from tests import kafka
from tests.eventually import eventually

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
ARCHITECTURE = ROOT / "docs/architecture.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]
IDS = [str(page.relative_to(ROOT)) for page in PAGES]

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Read beside the fields of Settings: the TOML file, and the cluster that tests may use.
BESIDE_SETTINGS = {"SLUICE_CONFIG", "SLUICE_TEST_BOOTSTRAP"}
ADDED_BY_THE_DEMO = {"generation", "secrets_planted", "secrets_leaked", "surges"}


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text())


def fences(page: Path, language: str) -> list[str]:
    return [body for found, body in FENCE.findall(page.read_text()) if found == language]


def code(page: Path) -> list[str]:
    """Everything set as code: spans, and lines of shell blocks with continued ones joined."""
    shell = "".join(fences(page, "sh")).replace("\\\n", " ").splitlines()
    return [*re.findall(r"`([^`\n]+)`", prose(page)), *shell]


def table(page: Path, first_heading: str) -> list[list[str]]:
    """Rows of the table whose first column has this heading, cells without their code marks."""
    lines = iter(page.read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {first_heading} |"):
            next(lines)
            break
    rows = []
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().replace("`", "") for cell in line.strip("|").split(" | ")])
    assert rows, f"no table of {first_heading}"
    return rows


# -- make


def test_the_readme_names_every_make_target_and_no_other() -> None:
    makefile = (ROOT / "Makefile").read_text()
    there = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    named = {target for text in code(README) for target in re.findall(r"^make ([a-z-]+)", text)}
    assert named == there


# -- settings


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_variable_that_is_named_can_be_set(page: Path) -> None:
    there = {f"SLUICE_{name.upper()}" for name in Settings.model_fields} | BESIDE_SETTINGS
    assert set(re.findall(r"SLUICE_[A-Z0-9_]*[A-Z0-9]", page.read_text())) <= there


def allowed(schema: dict[str, Any]) -> str:
    """A setting's allowed values in words, from its JSON Schema."""
    kind = next((s for s in schema.get("anyOf", [schema]) if s.get("type") != "null"), schema)
    low, high = kind.get("minimum"), kind.get("maximum")
    if "enum" in kind:
        return ", ".join(kind["enum"])
    if low is not None:
        return f"{number(low)} or more" if high is None else f"{number(low)} to {number(high)}"
    if "enum" in kind.get("items", {}):
        return f"words of {', '.join(kind['items']['enum'])}"
    if "pattern" in kind:
        return str(kind["pattern"])
    if "maxLength" in kind:
        return f"at most {kind['maxLength']} characters"
    return {"path": "path", "password": "secret"}.get(
        kind.get("format", ""), "words" if kind["type"] == "array" else "text"
    )


def number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:g}"


def default(schema: dict[str, Any]) -> str:
    value = schema.get("default")
    if value is None or value == "":
        return "-"
    if isinstance(value, list | tuple):
        return ",".join(value) or "-"
    return f"{value:g}" if isinstance(value, float) else str(value)


def test_the_settings_table_is_that_of_the_settings() -> None:
    properties = Settings.model_json_schema()["properties"]
    wanted = [[f"SLUICE_{name.upper()}", default(s), allowed(s)] for name, s in properties.items()]
    assert [row[:3] for row in table(README, "variable")] == wanted
    assert all(row[3] for row in table(README, "variable"))


# -- commands


def calls(page: Path) -> Iterator[list[str]]:
    """The words behind each `sluice` in code, up to a pipe, a redirection or a comment."""
    for text in code(page):
        for said in re.findall(r"(?:^|[\s/])sluice ([^|>#&;]+)", text):
            yield said.split()


def command_of(words: list[str]) -> Any:
    """The command that the words call; a test fails where there is none."""
    command: Any = typer.main.get_command(build())
    for word in words:
        if not isinstance(command, typer.core.TyperGroup):
            break
        assert word in command.commands, f"no command {word} in: sluice {' '.join(words)}"
        command = command.commands[word]
    return command


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_command_that_is_named_can_be_run(page: Path) -> None:
    for words in calls(page):
        there = {"--help", *(name for option in command_of(words).params for name in option.opts)}
        assert {word for word in words if word.startswith("--")} <= there, words


# -- links and paths


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as the forges make them."""
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_relative_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if target.startswith(("https://", "http://")):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_path_that_is_named_exists(page: Path) -> None:
    tops = "app|agents|models|schemas|tests|helm|docs"
    for span in re.findall(r"`([^`\n]+)`", prose(page)):
        if re.fullmatch(rf"(?:{tops})/[\w./-]*", span):
            assert (ROOT / span).exists(), span


def test_every_page_is_reached_from_the_readme() -> None:
    reached, found = {README}, [README]
    while found:
        page = found.pop()
        for target in re.findall(r"\]\(([^)#\s]+\.md)[)#]", prose(page)):
            there = (page.parent / target).resolve()
            if there not in reached:
                reached.add(there)
                found.append(there)
    assert reached == set(PAGES)


# -- tables that repeat the code


def test_the_table_of_topics_is_that_of_the_channels() -> None:
    wanted = [[channel.topic, ", ".join(channel.cleanup)] for channel in CHANNELS]
    assert [[row[0], row[2]] for row in table(ARCHITECTURE, "topic")] == wanted


def test_the_table_of_metrics_is_that_of_the_worker() -> None:
    registry = CollectorRegistry()
    declare(registry)
    wanted = {f"{m.name}_total" if m.type == "counter" else m.name for m in registry.collect()}
    assert {row[0] for row in table(ARCHITECTURE, "metric")} == wanted


@pytest.mark.parametrize("page", PAGES, ids=IDS)
def test_a_metric_that_is_named_is_measured(page: Path) -> None:
    registry = CollectorRegistry()
    declare(registry)
    families = tuple(metric.name for metric in registry.collect())
    named = [name for text in code(page) for name in re.findall(r"\bsluice_[a-z_]+[a-z]", text)]
    assert [name for name in named if not name.startswith(families)] == []


def test_the_table_of_exit_codes_is_that_of_the_worker() -> None:
    assert [int(row[0]) for row in table(README, "exit code")] == [code.value for code in Exit]


def test_every_figure_of_the_demos_report_is_explained() -> None:
    wanted = set(score(Collected(), {}, 0)) | ADDED_BY_THE_DEMO
    named = [name for row in table(README, "key of report.json") for name in row[0].split(", ")]
    assert sorted(named) == sorted(wanted)


def test_every_decision_is_in_the_index() -> None:
    records = sorted(path.name for path in (ROOT / "docs/decisions").glob("0*.md"))
    assert [name[:4] for name in records] == [f"{number:04}" for number in range(1, len(records) + 1)]
    index = (ROOT / "docs/decisions/README.md").read_text()
    assert re.findall(r"\]\((0[^)]+)\)", index) == records


# -- examples


def test_the_smallest_ticket_event_is_one() -> None:
    (example,) = fences(README, "json")
    assert decode_ticket(example.encode(), Limits()).description


def test_the_act_of_people_is_one() -> None:
    (act,) = [body for body in fences(README, "text") if "feedback_id" in body]
    assert decode(Feedback, act.encode()).owner == "payments"


def test_the_table_of_acts_is_that_of_the_contract() -> None:
    named = [name for row in table(README, "kind") for name in row[0].split(", ")]
    assert sorted(named) == sorted(kind.value for kind in FeedbackKind)


def example(page: Path, marker: str, names: TopicNames, bootstrap: str) -> list[str]:
    """A command that runs the page's Python example that holds `marker`, on another cluster and its topics."""
    (script,) = [body for body in fences(page, "python") if marker in body]
    for name in ("routed", "dead", "tickets"):
        usual = getattr(TopicNames(), name)
        script = script.replace(f'"{usual}"', repr(getattr(names, name)))
    return [sys.executable, "-c", script.replace('os.environ["SLUICE_BOOTSTRAP"]', repr(bootstrap))]


@pytest.mark.integration
def test_the_example_of_publishing_publishes_a_ticket(broker: str, topics: TopicNames) -> None:
    subprocess.run(example(README, "produce(", topics, broker), check=True, timeout=60)
    (record,) = kafka.read_all(broker, topics.tickets)
    event = decode_ticket(record.value(), Limits())
    assert record.key() == event.ticket_id.encode()


@pytest.mark.integration
def test_the_example_of_reading_prints_a_decision(broker: str, topics: TopicNames) -> None:
    decision = EXAMPLES[Decision]
    assert isinstance(decision, Decision)
    kafka.produce(broker, topics.routed, [(decision.ticket_id.encode(), encode(decision))])
    command = example(README, "subscribe(", topics, broker)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        line = reader.stdout.readline()
        reader.kill()
    assert line.startswith(f"{decision.ticket_id} {decision.outcome.value} {decision.owner}")


@pytest.mark.integration
def test_the_example_of_reading_dead_letters_prints_them(broker: str, topics: TopicNames) -> None:
    letter = EXAMPLES[DeadLetter]
    assert isinstance(letter, DeadLetter)
    kafka.produce(broker, topics.dead, [(None, encode(letter))] * 3)
    command = example(ROOT / "docs/runbooks/dead-letters.md", "b64decode", topics, broker)
    run = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert run.stdout.count(f"| {letter.reason.value} |") == 3


def has_coordinator(broker: str, topic: str) -> bool:
    """Whether the broker answers for groups, which a new one does not at once."""
    consumer = Consumer({"bootstrap.servers": broker, "group.id": "sluice", "enable.auto.commit": False})
    try:
        return all(place.error is None for place in consumer.committed([TopicPartition(topic, 0)], 10))
    except KafkaException:
        return False
    finally:
        consumer.close()


@pytest.mark.integration
def test_the_example_of_what_comes_next_shows_it(broker: str, topics: TopicNames) -> None:
    kafka.produce(broker, topics.tickets, [(b"T-1", b"not read yet")])
    assert eventually(lambda: has_coordinator(broker, topics.tickets), 60)  # as where a worker has run
    command = example(ROOT / "docs/runbooks/dead-letters.md", "committed(", topics, broker)
    run = subprocess.run(command, check=True, timeout=60, capture_output=True, text=True)
    assert "b'not read yet'" in run.stdout
