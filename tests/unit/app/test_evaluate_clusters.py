"""`sluice evaluate clusters`: its keys, scores worked by hand, and one line for what is wrong."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from app.demo.history import generate, held_out
from app.evaluate.clusters import cluster_scores
from tests.unit.app.conftest import Run

FIXED = ("clusters", "coverage", "purity", "nmi", "ari", "seconds", "peak_rss_mib")


@pytest.fixture
def run(sluice: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `sluice evaluate clusters` with these words."""
    monkeypatch.setenv("COLUMNS", "200")
    return partial(sluice, "evaluate", "clusters")


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    """600 tickets of the sample company in English, labelled by team."""
    tickets = held_out(generate(7, 1_790_000_000_000), "en")["by_wording"]
    return [row for row in tickets if row["split"] == "train"][:600]


def written(folder: Path, rows: list[dict[str, Any]], name: str = "rows.jsonl") -> Path:
    path = folder / name
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


@pytest.mark.parametrize(
    ("found", "truth", "expected"),
    [
        pytest.param([0, 0, 1, 1], [5, 5, 6, 6], (2, 1.0, 1.0, 1.0, 1.0), id="as labelled"),
        pytest.param([0, 0, 0, 0], [0, 0, 1, 1], (1, 1.0, 0.5, 0.0, 0.0), id="all in one"),
        # Of 4 rows {0, 1} and two alone: purity 1; H(truth) = 1 bit, H(found) = 1.5, all of the truth is told: 2 / 2.5.
        # Pairs together in both: 1, in the truth 2, found 1, of 6: (1 - 1/3) / (1.5 - 1/3) = 0.5714.
        pytest.param([0, 0, -1, -1], [0, 0, 1, 1], (1, 0.5, 1.0, 0.8, 0.5714), id="noise is alone"),
        pytest.param([-1, -1], [0, 1], (0, 0.0, 1.0, 1.0, 1.0), id="nothing but noise"),
    ],
)
def test_scores_by_hand(found: list[int], truth: list[int], expected: tuple[float, ...]) -> None:
    scores = cluster_scores(np.array(found, dtype=np.int64), np.array(truth, dtype=np.int64))
    assert tuple(scores.values()) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("clusterer", ["graph", "hdbscan"])
def test_the_keys_are_fixed_and_the_figures_make_sense(
    run: Run, rows: list[dict[str, str]], tmp_path: Path, clusterer: str
) -> None:
    code, out, err = run(written(tmp_path, rows), "--json", "--clusterer", clusterer)
    assert code == 0, err
    report = json.loads(out)
    assert set(FIXED) <= set(report)
    assert (report["n"], report["labels"], report["clusterer"]) == (600, 12, clusterer)
    assert 5 < report["clusters"] < 200
    assert report["coverage"] > 0.5
    assert report["purity"] > 0.6
    assert 0 < report["nmi"] <= 1


def test_labels_are_used_for_scoring_alone(run: Run, rows: list[dict[str, str]], tmp_path: Path) -> None:
    other = [row | {"label": f"{number % 7}"} for number, row in enumerate(rows)]
    first, second = (json.loads(run(written(tmp_path, these), "--json")[1]) for these in (rows, other))
    assert first["clusters"] == second["clusters"]
    assert first["coverage"] == second["coverage"]
    assert second["ari"] < 0.1 < first["ari"]


def test_several_files_are_one_history(run: Run, rows: list[dict[str, str]], tmp_path: Path) -> None:
    one, two = written(tmp_path, rows[:300], "one.jsonl"), written(tmp_path, rows[300:], "two.jsonl")
    report = json.loads(run(one, two, "--json")[1])
    assert report["n"] == 600
    assert report["labels"] > 12  # a label is a problem of its file


def test_rows_can_be_of_one_split_and_nobodys_are_left_out(
    run: Run, rows: list[dict[str, str]], tmp_path: Path
) -> None:
    marked = [row | {"split": "a" if number < 400 else "b"} for number, row in enumerate(rows)]
    marked[0]["label"] = "oos"
    assert json.loads(run(written(tmp_path, marked), "--split", "a", "--json")[1])["n"] == 399


def test_a_person_gets_a_table(run: Run, rows: list[dict[str, str]], tmp_path: Path) -> None:
    code, out, _ = run(written(tmp_path, rows))
    assert code == 0
    assert "purity" in out
    assert "clusterer graph" in out


@pytest.mark.parametrize(
    ("rows", "words", "said"),
    [
        pytest.param([{"text": "a b", "label": "x"}], ("--label", "mood"), "no column mood", id="no label"),
        pytest.param([{"text": "a b", "label": None}], (), "no labelled row", id="nothing labelled"),
        pytest.param(
            [{"text": "a b", "label": "x", "split": "c"}],
            ("--split", "d"),
            "no labelled row of split d",
            id="split",
        ),
        pytest.param([{"text": "!!", "label": "x"}], (), "no text to cluster: empty_text", id="all refused"),
        pytest.param(
            [{"text": "a b", "label": "x"}],
            ("--clusterer", "magic"),
            "SLUICE_CLUSTERER",
            id="no such clusterer",
        ),
    ],
)
def test_what_cannot_be_scored_is_one_line(
    run: Run, tmp_path: Path, rows: list[dict[str, Any]], words: tuple[str, ...], said: str
) -> None:
    code, out, err = run(written(tmp_path, rows), *words)
    assert code in {1, 2}
    assert out == ""
    assert said in " ".join(err.split())
    assert "Traceback" not in err
