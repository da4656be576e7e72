"""How a labelled file is parted: by its split, in folds, or two files; and what is learnt from in few shots."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import orjson
import pytest

from app.evaluate.parts import DEFAULT_FOLDS, Columns, Parts, few, split_file, two_files
from models.errors import Fatal

WANTED = ("train", "test")


Rows = list[dict[str, str]]


def write(folder: Path, rows: Rows, name: str = "t.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def labelled(split: str | None = None, **sizes: int) -> Rows:
    """Texts that say their label, split and number."""
    return [
        {"text": f"{label} {split} {number}", "label": label} | ({} if split is None else {"split": split})
        for label, size in sizes.items()
        for number in range(size)
    ]


def texts(parts: Parts) -> tuple[list[str], list[str]]:
    """What is learnt from and what is scored, over all rounds."""
    return (
        [parts.train[row].text for part in parts.rounds for row in part.history.tolist()],
        [parts.test[row].text for part in parts.rounds for row in part.scored.tolist()],
    )


@pytest.mark.parametrize(
    ("wanted", "learnt", "scored"),
    [
        pytest.param(("train", "test"), "train", "test", id="train-test"),
        pytest.param(("train", "val"), "train", "val", id="validation"),
        pytest.param(("test", "train"), "test", "train", id="the-other-way"),
    ],
)
def test_a_file_is_parted_by_its_split(
    tmp_path: Path, wanted: tuple[str, str], learnt: str, scored: str
) -> None:
    rows = [row for split in ("train", "val", "test") for row in labelled(split, a=2, b=1)]
    parts = split_file(write(tmp_path, rows), Columns(), "oos", wanted, None, 7)
    assert texts(parts) == (
        [f"a {learnt} 0", f"a {learnt} 1", f"b {learnt} 0"],
        [f"a {scored} 0", f"a {scored} 1", f"b {scored} 0"],
    )
    assert (parts.how, parts.labels) == ("split", ["a", "b"])


def test_another_column_may_say_the_split(tmp_path: Path) -> None:
    rows = [{"text": f"x {part}", "label": "a", "part": part} for part in ("fit", "held")]
    parts = split_file(write(tmp_path, rows), Columns(split="part"), "oos", ("fit", "held"), None, 7)
    assert texts(parts) == (["x fit"], ["x held"])


def test_rows_that_are_nobodys_are_scored_and_never_history(tmp_path: Path) -> None:
    rows = labelled("train", a=2, oos=3) + labelled("test", a=1, oos=2)
    parts = split_file(write(tmp_path, rows), Columns(), "oos", WANTED, None, 7)
    (part,) = parts.rounds
    assert [parts.train[row].text for row in part.history.tolist()] == ["a train 0", "a train 1"]
    assert [parts.train[row].text for row in part.outside.tolist()] == [f"oos train {n}" for n in range(3)]
    assert [parts.test[row].label for row in part.scored.tolist()] == ["a", None, None]
    assert parts.labels == ["a"]


@pytest.mark.parametrize("folds", [None, 2, 3], ids=["default", "two", "three"])
def test_in_folds_every_row_is_scored_once_and_not_learnt_from_then(
    tmp_path: Path, folds: int | None
) -> None:
    rows = labelled(None, a=10, b=7, oos=4)
    parts = split_file(write(tmp_path, rows), Columns(), "oos", WANTED, folds, 7)
    assert len(parts.rounds) == (folds or DEFAULT_FOLDS)
    assert Counter(texts(parts)[1]) == Counter(row["text"] for row in rows)
    for part in parts.rounds:
        known = {*part.history.tolist(), *part.outside.tolist()}
        assert known | set(part.scored.tolist()) == set(range(21))
        assert not known & set(part.scored.tolist())
        assert all(parts.train[row].label is None for row in part.outside.tolist())


def test_folds_hold_evenly_many_of_each_label(tmp_path: Path) -> None:
    rows = labelled(None, a=10, b=7, c=3)
    parts = split_file(write(tmp_path, rows), Columns(), "oos", WANTED, 4, 7)
    counts = [Counter(parts.test[row].label for row in part.scored.tolist()) for part in parts.rounds]
    for label in "abc":
        assert max(count[label] for count in counts) - min(count[label] for count in counts) <= 1
    assert {sum(count.values()) for count in counts} == {5}


def test_the_seed_decides_the_folds(tmp_path: Path) -> None:
    path = write(tmp_path, labelled(None, a=20, b=20))
    same, again, other = (
        [part.scored.tolist() for part in split_file(path, Columns(), "oos", WANTED, 4, seed).rounds]
        for seed in (7, 7, 8)
    )
    assert same == again
    assert same != other


def test_folds_pay_no_heed_to_a_split(tmp_path: Path) -> None:
    rows = labelled("train", a=4) + labelled("test", a=4)
    parts = split_file(write(tmp_path, rows), Columns(), "oos", WANTED, 2, 7)
    assert (parts.how, len(parts.test)) == ("folds", 8)


def test_two_files_without_a_split_are_taken_whole(tmp_path: Path) -> None:
    one = write(tmp_path, labelled(None, a=3), "one.jsonl")
    other = write(tmp_path, labelled(None, a=1, b=1), "other.jsonl")
    parts = two_files(one, other, Columns(), "oos", WANTED)
    assert [len(rows) for rows in texts(parts)] == [3, 2]
    assert (parts.how, parts.labels) == ("files", ["a", "b"])


def test_of_two_files_with_a_split_the_wanted_rows_are_taken(tmp_path: Path) -> None:
    rows = labelled("train", a=3) + labelled("test", a=2)
    one, other = write(tmp_path, rows, "one.jsonl"), write(tmp_path, rows, "other.jsonl")
    assert [len(rows) for rows in texts(two_files(one, other, Columns(), "oos", WANTED))] == [3, 2]


def test_one_file_named_twice_is_parted_by_its_split(tmp_path: Path) -> None:
    path = write(tmp_path, labelled("train", a=3) + labelled("test", a=2))
    parts = two_files(path, path, Columns(), "oos", WANTED)
    assert [len(rows) for rows in texts(parts)] == [3, 2]


def test_rows_of_no_use_are_told_of_once(tmp_path: Path) -> None:
    bad = [{"text": "x", "label": "", "split": "train"}, {"text": "y" * 100_001, "label": "a"}]
    path = write(tmp_path, [*labelled("train", a=1), *labelled("test", a=1), *bad])
    found = two_files(path, path, Columns(), "oos", WANTED).bad_rows
    assert [(row.line, row.reason.partition(":")[0]) for row in found] == [(3, "label"), (4, "description")]


def test_few_shots_are_so_many_of_each_label_and_more_hold_fewer(tmp_path: Path) -> None:
    rows = labelled("train", a=9, b=2, oos=5) + labelled("test", a=1)
    parts = split_file(write(tmp_path, rows), Columns(), "oos", WANTED, None, 7)
    (part,) = parts.rounds
    chosen = [few(part, parts.train, shots, 3) for shots in (1, 3, 5, 99)]
    counts = [Counter(parts.train[row].label for row in one.history.tolist()) for one in chosen]
    assert counts == [{"a": 1, "b": 1}, {"a": 3, "b": 2}, {"a": 5, "b": 2}, {"a": 9, "b": 2}]
    for fewer, more in pairwise(chosen):
        assert set(fewer.history.tolist()) < set(more.history.tolist())
    assert chosen[0].scored.tolist() == part.scored.tolist()
    assert few(part, parts.train, 3, 4).history.tolist() != chosen[1].history.tolist()


TRAIN = {"text": "a", "label": "x", "split": "train"}


@pytest.mark.parametrize(
    ("rows", "columns", "folds", "said"),
    [
        pytest.param([TRAIN], Columns("body"), None, "t.jsonl: no column body; its columns are:", id="text"),
        pytest.param([TRAIN], Columns(label="team"), None, "t.jsonl: no column team; its", id="label"),
        pytest.param([TRAIN], Columns(split="part"), 2, "t.jsonl: no column part; its", id="split-column"),
        pytest.param([TRAIN], Columns(), None, "no row of split test; its splits are: train", id="no-test"),
        pytest.param([TRAIN | {"split": f"{n:02}"} for n in range(12)], Columns(), None, "07, 08, 09, …", id="splits"),
        pytest.param([TRAIN | {"label": ""}], Columns(), None, "t.jsonl: no labelled text", id="no-label"),
        pytest.param(
            [TRAIN, TRAIN | {"label": "y", "split": "test"}], Columns(), None, "no label in common", id="strangers"
        ),
        pytest.param(
            [TRAIN | {"label": "oos"}, TRAIN | {"label": "oos", "split": "test"}],
            Columns(), None, "no label in common", id="nobodys-alone",
        ),
        pytest.param(labelled(None, a=4), Columns(), None, "4 labelled texts; 5 folds need as many", id="few"),
        pytest.param(labelled(None, a=1, oos=5), Columns(), 2, "every fold must leave", id="lonely"),
    ],
)  # fmt: skip
def test_a_file_of_no_use_is_one_line(
    tmp_path: Path, rows: Rows, columns: Columns, folds: int | None, said: str
) -> None:
    with pytest.raises(Fatal) as caught:
        split_file(write(tmp_path, rows), columns, "oos", WANTED, folds, 7)
    assert said in str(caught.value)


def test_one_file_named_twice_must_say_its_split(tmp_path: Path) -> None:
    path = write(tmp_path, labelled(None, a=5))
    with pytest.raises(Fatal, match="no column split; say what to learn from, or --folds"):
        two_files(path, path, Columns(), "oos", WANTED)
