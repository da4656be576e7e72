"""`sluice evaluate emerging`: its keys, what counts as announced and as false, and one line for what is wrong."""

import json
from functools import partial
from pathlib import Path

import orjson
import pytest

from app.demo.history import generate, held_out
from app.evaluate.emerging import Announced, Day, announced
from models.emerging.group import Newcomer
from models.emerging.pool import EmergingPolicy, TriagePool
from tests.unit.app.conftest import Run
from tests.unit.emerging.company import PROBLEMS, Company, company

KEYS = (
    "days",
    "tickets_a_day",
    "planted",
    "announced",
    "median_ticket",
    "before_8th",
    "false_a_day",
    "outside_a_day",
    "labels",
    "encoder",
)


@pytest.fixture
def run(sluice: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `sluice evaluate emerging` with these words."""
    monkeypatch.setenv("COLUMNS", "200")
    return partial(sluice, "evaluate", "emerging")


@pytest.fixture(scope="module")
def made() -> Company:
    return company()


def day(tickets: list[Newcomer], planted: list[Newcomer]) -> Day:
    return Day("new", tickets, frozenset(ticket.ticket_id for ticket in planted))


def test_a_label_is_announced_with_the_ticket_that_had_come_then(made: Company) -> None:
    new = made.tickets(PROBLEMS, 9, 60)
    found = announced(day(new, new), TriagePool(made.ready, EmergingPolicy()))
    assert found.at is not None
    assert 5 <= found.at < 8
    assert found.false == 0


def test_a_group_of_other_labels_is_false_and_a_quiet_day_has_none(made: Company) -> None:
    new, other = made.tickets(PROBLEMS, 9, 61), made.tickets(PROBLEMS + 1, 9, 61)
    pool = TriagePool(made.ready, EmergingPolicy())
    assert announced(day(other, new), pool) == Announced("new", None, 1)
    quiet = TriagePool(made.ready, EmergingPolicy())
    assert announced(day(made.tickets(2, 9, 61), new), quiet) == Announced("new", None, 0)


def test_of_false_ones_those_of_no_problem_are_counted_apart(made: Company) -> None:
    other = made.tickets(PROBLEMS + 1, 9, 61)
    of_none = frozenset(ticket.ticket_id for ticket in other[:7])
    found = announced(Day("new", other, frozenset(), of_none), TriagePool(made.ready, EmergingPolicy()))
    assert (found.false, found.outside) == (1, 1)


def test_the_keys_are_fixed_and_every_label_has_its_day(run: Run, tmp_path: Path) -> None:
    rows = held_out(generate(7, 1_790_000_000_000), "en")["by_wording"]
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows[::3]))
    code, out, err = run(file, "--json", "--days", "2", "--tickets", "60", "--planted", "5")
    assert code == 0, err
    report = json.loads(out)
    assert tuple(report) == KEYS
    assert (report["days"], report["planted"], len(report["labels"])) == (2, 5, 2)
    assert report["announced"] == sum(one["at"] is not None for one in report["labels"])
    assert {one["label"] for one in report["labels"]} <= {row["label"] for row in rows}


def test_too_few_labels_are_one_line(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    rows = [
        {"text": f"text {n} of {n % 2}", "label": f"{n % 2}", "split": "train" if n < 40 else "test"}
        for n in range(80)
    ]
    file.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    code, out, err = run(file, "--json")
    assert (code, out) == (2, "")
    assert "2 labels have 15 tickets to be scored; more than 5 are needed" in err
