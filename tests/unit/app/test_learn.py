"""A file becomes a history: which rows, under which owner and problem, and what the command says of them."""

from pathlib import Path

import pytest

from app.bootstrap import PastTicket
from app.cli import learn
from models.errors import Fatal
from schemas.ticket import TicketEventKind

MAX_BYTES = 100_000


def read(
    folder: Path, content: str, owner: str | None = None, problem: str | None = None, maps: tuple[str, ...] = (),
    name: str = "t.csv",
) -> tuple[list[PastTicket], list[int]]:  # fmt: skip
    """The tickets, and the lines that are bad."""
    path = folder / name
    path.write_text(content, encoding="utf-8")
    past, bad = learn.read_history(path, owner, problem, list(maps), MAX_BYTES)
    return past, [row.line for row in bad]


def test_owner_and_problem_come_from_the_columns_named(tmp_path: Path) -> None:
    past, bad = read(
        tmp_path,
        "id,body,who,what\n1,the app crashes,mobile,crash\n2,charged twice,payments, \n3,no text in it,, refund \n",
        owner="who",
        problem="what",
        maps=("description=body",),
    )
    assert [(item.event.ticket_id, item.event.assigned_team, item.problem) for item in past] == [
        ("1", "mobile", "crash"),
        ("2", "payments", None),
        ("3", None, "refund"),
    ]
    assert [item.event.description for item in past][:2] == ["the app crashes", "charged twice"]
    assert bad == []


def test_a_ticket_is_dated_where_its_row_says_when_it_came(tmp_path: Path) -> None:
    past, _ = read(
        tmp_path, "id,description,created_at\n1,it crashes,2026-03-01T00:00:00Z\n2,it hangs,\n3,it is slow,\n"
    )
    assert [item.dated for item in past] == [True, False, False]


def test_without_owner_and_problem_nothing_is_labelled(tmp_path: Path) -> None:
    past, _ = read(tmp_path, '{"text": "门锁离线", "kind": 0}\n{"text": "支付失败"}\n', name="t.jsonl")
    assert [item.event.assigned_team for item in past] == [None, None]
    assert [item.problem for item in past] == [None, None]
    assert len({item.event.ticket_id for item in past}) == 2


def test_a_problem_may_be_a_number_and_zero_is_one(tmp_path: Path) -> None:
    past, _ = read(
        tmp_path, '{"text": "a b", "n": 0}\n{"text": "c d", "n": null}\n', problem="n", name="t.jsonl"
    )
    assert [item.problem for item in past] == ["0", None]


def test_bad_rows_are_told_of_and_the_others_are_used(tmp_path: Path) -> None:
    past, bad = read(tmp_path, "id,description\n1,it crashes\n2\n3,\n4,it is slow\n")
    assert [item.event.ticket_id for item in past] == ["1", "4"]
    assert bad == [3, 4]


def test_a_status_says_whether_a_ticket_is_over(tmp_path: Path) -> None:
    past, _ = read(
        tmp_path, "id,description,status,resolution\n1,it crashes,resolved,new build\n2,it hangs,open,\n"
    )
    assert [item.event.event for item in past] == [TicketEventKind.RESOLVED, TicketEventKind.CREATED]
    assert past[0].event.resolution == "new build"


@pytest.mark.parametrize(
    ("content", "problem", "maps", "said"),
    [
        pytest.param("id,description\n", None, (), "t.csv: no ticket could be read", id="no-rows"),
        pytest.param(
            "id,description\n1,\n", None, (), "t.csv: no ticket could be read; line 2: ", id="no-good-row"
        ),
        pytest.param("id,description\n1,a\n", "x", (), "t.csv: no column x; its columns are: ", id="no-problem"),
        pytest.param("id,description\n1,a\n", None, ("title",), "--map title: ", id="no-pair"),
        pytest.param("id,description\n1,a\n", None, ("colour=id",), "colour", id="no-field"),
        pytest.param("id,description\n1,a\n", None, ("title=x",), "x", id="no-column"),
    ],
)  # fmt: skip
def test_a_file_of_no_use_is_one_line(
    tmp_path: Path, content: str, problem: str | None, maps: tuple[str, ...], said: str
) -> None:
    with pytest.raises(Fatal) as caught:
        read(tmp_path, content, problem=problem, maps=maps)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
