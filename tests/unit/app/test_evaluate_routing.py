"""`sluice evaluate routing` with the embedded encoder on a hundred short texts: its keys, its sense, its errors."""

import json
import re
from collections import Counter
from functools import partial
from importlib.util import find_spec
from itertools import product, takewhile
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.unit.app.conftest import Run
from tests.unit.engines.engines import MINILM

README = Path(__file__).resolve().parents[3] / "README.md"

Rows = list[dict[str, str]]

PROBLEMS = {
    "payments": ("card was charged twice", "refund has not arrived", "invoice shows a wrong amount", "payment fails"),
    "network": ("wifi drops all the time", "internet is very slow", "router has no signal", "modem does not connect"),
    "delivery": ("parcel never came", "courier left it elsewhere", "shipment is late", "package arrived broken"),
    "account": ("password does not work", "login is locked", "cannot sign in anymore", "profile was deleted"),
}  # fmt: skip
OPENINGS = (
    "hello, my {}",
    "please help: the {}",
    "since yesterday the {}",
    "again the {}",
    "why is it that my {}",
    "{}",
)
NOBODYS = (
    "what is the tallest mountain",
    "tell me a joke",
    "who won the game last night",
    "a recipe for pancakes",
)

FIXED = ("n", "accuracy", "coverage", "precision", "ece", "oos_auroc", "oos_recall", "per_class")


def labelled() -> Rows:
    """96 texts of four labels, a third of each for test, and four that are nobody's."""
    rows = [
        {"id": f"{label}-{number}", "text": opening.format(problem), "label": label, "split": split}
        for label, problems in PROBLEMS.items()
        for number, (problem, (at, opening)) in enumerate(product(problems, enumerate(OPENINGS)))
        for split in [("test" if at % 3 == 2 else "train")]
    ]
    return rows + [
        {"id": f"o-{n}", "text": text, "label": "oos", "split": "test"} for n, text in enumerate(NOBODYS)
    ]


def write(folder: Path, rows: Rows, name: str = "tickets.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.fixture
def run(sluice: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `sluice evaluate routing` with these words."""
    monkeypatch.setenv("COLUMNS", "200")
    return partial(sluice, "evaluate", "routing")


def test_a_warning_goes_beside_the_report(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_ENCODER", "onnx")
    monkeypatch.setenv("SLUICE_ENCODER_PATH", str(MINILM))
    code, out, err = run(write(tmp_path, labelled()), "--json")
    assert code == 0
    assert json.loads(out)["encoder"].startswith("model:")
    assert "no_sentiment" in err  # the head that comes along is made for the embedded encoder


def report_of(answer: tuple[int, str, str]) -> dict[str, Any]:
    code, out, err = answer
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def documented() -> list[str]:
    """The keys that the README explains."""
    rows = README.read_text().partition("| key of the evaluation |")[2].splitlines()[2:]
    named = [row.split(" | ")[0] for row in takewhile(lambda row: row.startswith("|"), rows)]
    return [key for names in named for key in re.findall(r"`(\w+)`", names)]


def test_the_report_has_its_keys_makes_sense_and_is_written(run: Run, tmp_path: Path) -> None:
    report = report_of(run(write(tmp_path, labelled()), "--out", tmp_path / "a/b", "--json"))
    assert set(FIXED) <= set(report)
    assert (report["n"], report["learnt_from"], report["labels"]) == (36, 64, 4)
    assert report["accuracy"] >= 0.9
    assert report["oos_auroc"] >= 0.9
    for key in ("coverage", "coverage_in_scope", "coverage_at_target", "ece", "oos_recall", "triage_share"):
        assert 0 <= report[key] <= 1, key
    assert sum(report["by_outcome"].values()) == 36
    assert report["coverage"] == round(report["by_outcome"].get("route", 0) / 36, 4)
    assert {label: scores["n"] for label, scores in report["per_class"].items()} == dict.fromkeys(PROBLEMS, 8)
    assert report["parted_by"] == "split"
    assert report["encoder"].startswith("use-multilingual")
    assert {"prepare_train", "prepare_test", "fit", "match", "decide"} <= set(report["seconds"])
    assert all(0 <= place["route_at"] <= 1.01 for place in report["thresholds"])
    assert json.loads((tmp_path / "a/b/report.json").read_text()) == report
    lines = [json.loads(line) for line in (tmp_path / "a/b/rows.jsonl").read_text().splitlines()]
    assert [line["id"] for line in lines] == [row["id"] for row in labelled() if row["split"] == "test"]
    assert Counter(line["outcome"] for line in lines) == report["by_outcome"]
    right = [line["first"] == line["label"] for line in lines if line["label"] is not None]
    assert round(sum(right) / len(right), 4) == report["accuracy"]
    assert [line["label"] for line in lines[-4:]] == [None] * 4


def test_the_order_of_the_rows_changes_no_figure(run: Run, tmp_path: Path) -> None:
    rows = labelled()
    paths = write(tmp_path, rows), write(tmp_path, rows[::-1], "turned.jsonl")
    one, other = (report_of(run(path, "--json")) for path in paths)
    del one["seconds"], other["seconds"]
    assert one == other


def test_a_file_without_a_split_is_scored_whole_in_folds(run: Run, tmp_path: Path) -> None:
    rows = [{key: row[key] for key in ("text", "label")} for row in labelled()]
    report = report_of(run(write(tmp_path, rows), "--oos-label", "oos", "--folds", 3, "--json"))
    assert (report["n"], report["parted_by"], len(report["thresholds"])) == (100, "folds", 3)
    assert report["learnt_from"] == 2 * 96
    assert report["accuracy"] >= 0.9


def test_columns_and_files_may_be_named_otherwise_and_all_rows_may_be_somebodys(
    run: Run, tmp_path: Path
) -> None:
    header = "subject\tbody\tteam\n"
    parts = {"train": header, "test": header}
    for row in labelled():
        if row["label"] != "oos":
            parts[row["split"]] += f"{row['text']}\tplease\t{row['label']}\n"
    for part, text in parts.items():
        (tmp_path / f"{part}.tsv").write_text(text)
    files = ("--train", tmp_path / "train.tsv", "--test", tmp_path / "test.tsv")
    report = report_of(run(*files, "--text", "subject+body", "--label", "team", "--json"))
    assert (report["n"], report["parted_by"]) == (32, "files")
    assert (report["oos_auroc"], report["oos_recall"]) == (None, None)


def test_a_text_that_cannot_be_used_is_not_answered_and_a_bad_row_is_told_of(
    run: Run, tmp_path: Path
) -> None:
    unseen = {"id": "x", "text": "\u200b", "label": "payments", "split": "test"}
    bad = {"text": "secret words", "label": "", "split": "train"}
    answer = run(write(tmp_path, [*labelled(), unseen, bad]), "--json")
    report = report_of(answer)
    assert (report["n"], report["by_outcome"]["refused"], report["bad_rows"]) == (37, 1, 1)
    assert report["per_class"]["payments"]["n"] == 9
    assert report["per_class"]["payments"]["recall"] <= 0.8889
    assert "1 rows left out, the first at line 102: label: no label" in answer[2]
    assert "secret" not in answer[1] + answer[2]


def test_few_shots_and_peers_stand_beside(run: Run, tmp_path: Path) -> None:
    path = write(tmp_path, labelled())
    report = report_of(run(path, "--shots", 3, "--shots", 1, "--peers", "--json"))
    assert [(place["shots"], place["learnt_from"]) for place in report["few_shot"]] == [(1, 4), (3, 12)]
    for place in (*report["few_shot"], report):
        peers = place["peers"]
        assert list(peers) == ["logistic_regression", "semantic_router", "semantic_router_sum"]
        found = peers["logistic_regression"]
        assert found["difference"]["accuracy"] == round(place["accuracy"] - found["accuracy"], 4)
        assert ("missing" in peers["semantic_router"]) == (find_spec("semantic_router") is None)
    assert report["peers"]["logistic_regression"]["accuracy"] >= 0.9
    assert set(report) == set(documented())


def test_people_see_tables_and_never_a_text(run: Run, tmp_path: Path) -> None:
    code, out, err = run(write(tmp_path, labelled()), "--shots", 2, "--peers", "--out", tmp_path)
    assert code == 0
    for said in (
        "right owner first",
        "nobody's tickets held back",
        "logistic regression",
        "texts a label",
        "worst of 4",
    ):
        assert said in out
    written = (tmp_path / "rows.jsonl").read_text() + (tmp_path / "report.json").read_text()
    for row in labelled():
        assert row["text"] not in out + err + written


@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(["nowhere.csv"], "nowhere.csv: cannot be read", id="no-file"),
        pytest.param(["{path}", "--text", "body"], "no column body; its columns are:", id="text-column"),
        pytest.param(["{path}", "--label", "team"], "no column team; its columns are:", id="label-column"),
        pytest.param(["{path}", "--split-column", "part"], "no column part; its columns are:", id="split-column"),
        pytest.param(["{path}", "--test-split", "val"], "no row of split val; its splits are:", id="empty-part"),
        pytest.param(["--train", "{path}", "--test", "{other}"], "no label in common", id="strangers"),
        pytest.param(["{path}", "--train", "{path}"], "what is to be scored? give FILE", id="file-and-train"),
        pytest.param(["--train", "{path}"], "what is to be scored? give FILE", id="train-alone"),
        pytest.param([], "what is to be scored? give FILE", id="nothing"),
        pytest.param(
            ["--train", "{path}", "--test", "{path}", "--folds", "3"], "what is to be scored?", id="files-and-folds"
        ),
        pytest.param(["{path}", "--out", "{path}"], "tickets.jsonl: cannot be made", id="no-folder"),
        pytest.param(["{empty}"], "no ticket to decide on: empty_text", id="nothing-to-read"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_and_two(run: Run, tmp_path: Path, words: list[str], said: str) -> None:
    paths = {
        "path": write(tmp_path, labelled()),
        "other": write(tmp_path, [{"text": "x", "label": "strange"}], "other.jsonl"),
        "empty": write(
            tmp_path,
            [row if row["split"] == "train" else row | {"text": "\u200b"} for row in labelled()],
            "empty.jsonl",
        ),
    }
    code, out, err = run(*(word.format(**paths) for word in words))
    assert (code, out) == (2, "")
    (line,) = [line for line in err.splitlines() if not line.startswith("·")]
    assert line.startswith("sluice: ")
    assert said in line
