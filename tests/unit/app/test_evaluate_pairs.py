"""Pairs out of a file: texts or ids, labels, and tickets with what is known of them."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from app.evaluate.pairs import PairColumns, Report, TicketColumns, read_pairs
from models.errors import Fatal

TICKETS = """id,title,body,ts,who,what
1,Camera,app closes,2026-03-02T09:30:00Z,c-1,app
2,Refund,,1772443800,,
3,,parcel is late,soon,c-2,web
,nobody's,text,,,
"""


def write(folder: Path, text: str, name: str = "pairs.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_pairs_of_texts_with_each_text_once(tmp_path: Path) -> None:
    file = write(tmp_path, "a,b,dup\nx,y,1\ny,z,0\nx,x,1\n")
    found = read_pairs(file, PairColumns())
    assert found.reports == [Report("x"), Report("y"), Report("z")]
    assert found.pairs.tolist() == [[0, 1], [1, 2], [0, 0]]
    assert found.is_duplicate.tolist() == [True, False, True]
    assert (found.only_duplicates, found.unknown, found.bad_rows) == (False, 0, [])


@pytest.mark.parametrize(
    ("label", "expected"),
    [("1", True), ("0", False), ("true", True), ("False", False), ("1.0", True), ("yes", True), ("", False)],
)
def test_how_a_label_may_be_written(tmp_path: Path, label: str, expected: bool) -> None:
    found = read_pairs(write(tmp_path, f"a,b,dup\nx,y,{label}\n"), PairColumns())
    assert found.is_duplicate.tolist() == [expected]


def test_json_lines_and_other_columns(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl.gz"
    path.write_bytes(
        gzip.compress(b'{"q1": "x", "q2": "y", "same": true}\n{"q1": "x", "q2": "z", "same": 0}\n')
    )
    found = read_pairs(path, PairColumns("q1", "q2", "same"))
    assert found.is_duplicate.tolist() == [True, False]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        pytest.param("x,,1", "two are needed", id="no second text"),
        pytest.param("x,y,maybe", "allowed are 0 and 1", id="no label"),
        pytest.param("x,y", "2 columns, the header has 3", id="too short"),
    ],
)
def test_a_bad_row_costs_itself(tmp_path: Path, row: str, why: str) -> None:
    found = read_pairs(write(tmp_path, f"a,b,dup\n{row}\nx,y,1\n"), PairColumns())
    assert len(found.pairs) == 1
    (bad,) = found.bad_rows
    assert bad.line == 2
    assert why in bad.reason


def test_pairs_of_ids_with_what_is_known_of_the_tickets(tmp_path: Path) -> None:
    tickets = write(tmp_path, TICKETS, "tickets.csv")
    file = write(tmp_path, "a,b,dup\n3,2,0\n1,2,1\n1,9,1\n2,2,1\n")
    columns = TicketColumns("id", "title+body", at="ts", customer="who", product="what")
    found = read_pairs(file, PairColumns(), tickets, columns)
    assert found.reports == [
        Report("parcel is late", "c-2", "web", None),
        Report("Refund", None, None, 1_772_443_800_000),
        Report("Camera\napp closes", "c-1", "app", 1_772_443_800_000),
    ]
    assert found.pairs.tolist() == [[0, 1], [2, 1]]
    assert found.unknown == 1
    assert [bad.line for bad in found.bad_rows] == [
        4,
        5,
        5,
    ]  # a time, a ticket without an id, a pair of one ticket


def test_ids_without_labels_are_duplicates_alone_and_connect_through_others(tmp_path: Path) -> None:
    tickets = write(tmp_path, TICKETS, "tickets.csv")
    file = write(tmp_path, "a,b\n1,2\n2,9\n9,3\n")
    found = read_pairs(file, PairColumns(), tickets, TicketColumns("id", "title+body"))
    assert found.only_duplicates
    assert found.pairs.tolist() == [[0, 1]]
    assert len(np.unique(found.groups)) == 1  # 3 by way of 9, which is not there
    assert found.unknown == 2


def test_tickets_that_no_pair_names_stand_alone(tmp_path: Path) -> None:
    tickets = write(tmp_path, TICKETS, "tickets.csv")
    found = read_pairs(
        write(tmp_path, "a,b\n1,2\n"), PairColumns(), tickets, TicketColumns("id", "title+body")
    )
    assert len(found.reports) == 3
    assert found.groups.tolist() == [0, 0, 1]


@pytest.mark.parametrize(
    ("text", "tickets", "why"),
    [
        pytest.param("a,c,dup\nx,y,1\n", None, "no column b", id="no column"),
        pytest.param("a,b\nx,y\n", None, "no column dup", id="no labels"),
        pytest.param("a,b,dup\nx,,1\n", None, "no pair", id="nothing of use"),
        pytest.param("a,b,dup\n1,9,1\n", TICKETS, "no pair", id="no known ticket"),
        pytest.param("a,b,dup\n1,2,1\n", "id,words\n1,x\n", "no column text", id="no text"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_line(
    tmp_path: Path, text: str, tickets: str | None, why: str
) -> None:
    beside = None if tickets is None else write(tmp_path, tickets, "tickets.csv")
    columns = TicketColumns("id", "title+body") if tickets == TICKETS else TicketColumns()
    with pytest.raises(Fatal, match=why):
        read_pairs(write(tmp_path, text), PairColumns(), beside, columns)
