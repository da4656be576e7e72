"""Labelled texts out of a file: which columns are read, and what becomes of rows without a text or label."""

from pathlib import Path

import pytest

from app.files.labelled import LabelledText, read_labelled
from app.files.lines import BadRow
from models.errors import Fatal

CSV = "id,text,label,split,lang\n7, cannot pay ,billing,train,en\n"


def _written(folder: Path, content: str, name: str = "l.csv") -> Path:
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_every_column_is_read(tmp_path: Path) -> None:
    assert read_labelled(_written(tmp_path, CSV), "text", "label") == [
        LabelledText(2, "7", "cannot pay", "billing", "train", "en")
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param("text,label\na,x\n", LabelledText(2, "l.csv:2", "a", "x", None, None), id="no-id"),
        pytest.param(
            "ticket_id,text,label\nT1,a,x\n", LabelledText(2, "T1", "a", "x", None, None), id="ticket-id"
        ),
        pytest.param(
            "id,ticket_id,text,label\n,T1,a,x\n", LabelledText(2, "T1", "a", "x", None, None), id="empty-id"
        ),
        pytest.param(
            "text,label,language\na,x,zh\n", LabelledText(2, "l.csv:2", "a", "x", None, "zh"), id="language"
        ),
    ],
)
def test_what_a_file_may_lack(tmp_path: Path, content: str, expected: LabelledText) -> None:
    assert read_labelled(_written(tmp_path, content), "text", "label") == [expected]


def test_the_split_is_of_the_column_that_is_asked_for(tmp_path: Path) -> None:
    path = _written(tmp_path, "text,label,split,fold\na,x,train,2\n")
    assert [item.split for item in read_labelled(path, "text", "label", split="fold")] == ["2"]


def test_labels_are_not_looked_at_where_none_are_wanted(tmp_path: Path) -> None:
    (found,) = read_labelled(_written(tmp_path, "text\na\n"), "text", None)
    assert found.label is None


@pytest.mark.parametrize(
    ("row", "text"),
    [("a,b", "a\nb"), (",b", "b"), ("a,", "a")],
    ids=["both", "second-alone", "first-alone"],
)
def test_several_columns_are_put_below_each_other(tmp_path: Path, row: str, text: str) -> None:
    (found,) = read_labelled(_written(tmp_path, f"title,body,label\n{row},x\n"), "title+body", "label")
    assert found.text == text


def test_a_column_whose_name_holds_a_plus_is_one_column(tmp_path: Path) -> None:
    (found,) = read_labelled(_written(tmp_path, "a+b,label\nyes,x\n"), "a+b", "label")
    assert found.text == "yes"


def test_numbers_in_json_are_labels_too(tmp_path: Path) -> None:
    path = _written(tmp_path, '{"id":1,"text":"a","label":3}\n{"id":2,"text":"b","label":true}\n', "l.jsonl")
    assert [item.label for item in read_labelled(path, "text", "label")] == ["3", None]


def test_rows_that_lack_something_are_reported(tmp_path: Path) -> None:
    path = _written(tmp_path, "text,label\na,x\n ,x\nb,\nc\nd\0,x\n")
    bad: list[BadRow] = []
    found = read_labelled(path, "text", "label", bad.append)
    assert [(item.line, item.text, item.label) for item in found] == [(2, "a", "x"), (4, "b", None)]
    assert [(row.line, row.reason.partition(";")[0]) for row in bad] == [
        (3, "text: no text"),
        (4, "label: no label"),
        (5, "1 columns, the header has 2"),
        (6, "text: a text may not hold U+0000"),
    ]


@pytest.mark.parametrize(
    ("text", "label", "split", "message"),
    [
        ("body", "label", None, "no column body; its columns are: id, text, label, split, lang"),
        ("text", "team", None, "no column team; its columns are: id"),
        ("text", "label", "part", "no column part; its columns are: id"),
        ("text+body", "team", "part", "no column body, team, part; "),
    ],
    ids=["text", "label", "split", "several"],
)
def test_a_missing_column_is_refused_with_those_that_exist(
    tmp_path: Path, text: str, label: str, split: str | None, message: str
) -> None:
    with pytest.raises(Fatal, match=message):
        read_labelled(_written(tmp_path, CSV), text, label, split=split)
