"""`sluice evaluate sentiment`: its keys, its sense, figures by hand, and one line for what is wrong."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from app.evaluate.sentiment import Scored, report
from app.files.labelled import LabelledText
from app.sentiment.load import load_head
from tests.fakes.sentiment import head
from tests.unit.app.conftest import Run

DATA = Path(__file__).resolve().parents[3] / "../shared/data/goemotions_ekman/data.jsonl.gz"

ROWS = [
    {"text": "You are liars and thieves, I am furious", "label": "anger", "lang": "en"},
    {"text": "气死我了，你们这群骗子", "label": "anger+disgust", "lang": "zh"},
    {"text": "太让人失望了，等了一个月", "label": "sadness", "lang": "zh"},
    {"text": "Thank you, it works now", "label": "joy", "lang": "en"},
    {"text": "请问怎么导出账单", "label": "neutral", "lang": "zh"},
    {"text": "the app crashes when I open it", "label": "neutral", "lang": "en"},
]


@pytest.fixture
def run(sluice: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `sluice evaluate sentiment` with these words."""
    monkeypatch.setenv("COLUMNS", "200")
    return partial(sluice, "evaluate", "sentiment")


def written(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def test_the_keys_are_fixed_and_the_sense_is_right(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(written(tmp_path, ROWS), "--json")
    found = json.loads(out)
    assert code == 0
    assert {"auroc", "f1", "n", "threshold", "by_language"} <= set(found)
    assert (found["n"], found["upset"], found["auroc"], found["f1"]) == (6, 3, 1.0, 1.0)
    assert found["threshold"] == load_head().upset_at
    assert {lang: part["n"] for lang, part in found["by_language"].items()} == {"en": 3, "zh": 3}


def test_people_get_a_table(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(written(tmp_path, ROWS))
    assert code == 0
    assert "AUROC" in out
    assert "upset from 0.52" in out
    assert not any(row["text"] in out for row in ROWS)


def test_only_the_split_is_scored_and_which_labels_are_negative_is_said(run: Run, tmp_path: Path) -> None:
    rows = [row | {"part": "held" if at < 4 else "seen"} for at, row in enumerate(ROWS)]
    path = written(tmp_path, rows)
    words = ("--split-column", "part", "--split", "held", "--negative", "joy, sadness", "--json")
    _, out, _ = run(path, *words)
    found = json.loads(out)
    assert (found["n"], found["upset"]) == (4, 2)
    assert found["auroc"] < 0.5


def test_a_text_that_no_ticket_can_have_is_counted_apart(run: Run, tmp_path: Path) -> None:
    _, out, _ = run(written(tmp_path, [*ROWS, {"text": "!!!", "label": "anger"}]), "--json")
    found = json.loads(out)
    assert (found["n"], found["refused"]) == (6, {"empty_text": 1})


@pytest.mark.parametrize(
    ("rows", "words", "said"),
    [
        pytest.param(ROWS, ("--label", "mood"), "no column mood", id="no-label"),
        pytest.param(ROWS, ("--negative", "rage"), "no row is labelled rage; labels are", id="no-negative"),
        pytest.param(ROWS, ("--split-column", "part"), "no column part", id="no-split-column"),
        pytest.param(
            [row | {"split": "dev"} for row in ROWS],
            (),
            "no labelled row of split test; its splits are: dev",
            id="split",
        ),
        pytest.param([{"text": "", "label": "anger"}], (), "no labelled row", id="nothing"),
        pytest.param(
            [{"text": "!!", "label": "anger"}], (), "no text to score: empty_text", id="all-refused"
        ),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    run: Run, tmp_path: Path, rows: list[dict[str, Any]], words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(written(tmp_path, rows), *words)
    assert code in (1, 2)
    assert said in err
    assert out == ""


def test_another_encoder_is_refused(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = written(tmp_path, ROWS)
    monkeypatch.setenv("SLUICE_ENCODER_PREFIX", "query: ")
    code, _, err = run(path)
    assert code == 2
    assert "no sentiment with encoder use-multilingual-v3:" in err


def _row(lang: str | None) -> LabelledText:
    return LabelledText(1, "a", "text", "label", None, lang)


def test_the_figures_by_hand() -> None:
    """Limit 0.6: two of three upset are found, one of two calm is called upset."""
    found = report(
        Scored(
            [_row("en"), _row("en"), _row(None), _row("zh"), _row("zh")],
            np.array([0.9, 0.6, 0.2, 0.7, 0.1]),
            np.array([True, True, True, False, False]),
        ),
        head(),
    )
    assert (found["n"], found["upset"], found["auroc"], found["f1"]) == (5, 3, 0.6667, 0.6667)
    assert (found["precision"], found["recall"], found["called_upset"]) == (0.6667, 0.6667, 0.5)
    english, chinese = found["by_language"]["en"], found["by_language"]["zh"]
    assert (english["n"], english["auroc"], english["f1"], english["called_upset"]) == (2, None, 1.0, None)
    assert (chinese["n"], chinese["auroc"], chinese["f1"], chinese["precision"]) == (2, None, 0.0, 0.0)


@pytest.mark.skipif(not DATA.exists(), reason="GoEmotions is not beside the repository")
def test_how_good_it_is_on_comments_that_nothing_was_learnt_from(run: Run) -> None:
    """A little under what was measured: AUROC .850, F1 .607."""
    _, out, _ = run(DATA, "--json")
    found = json.loads(out)
    assert found["n"] + sum(found["refused"].values()) == 5_427
    assert found["auroc"] >= 0.845
    assert found["f1"] >= 0.6
