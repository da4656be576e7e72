"""`sluice evaluate duplicates`: its keys and its sense, and how much better it is than its peers on labelled pairs."""

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from app.evaluate.compared import compare
from app.evaluate.duplicates import missed_at, pair_scores
from app.evaluate.pairs import Report
from models.routing.clean import CleanPolicy
from models.routing.pack import PackPolicy
from tests.fakes.encoder import HashingEncoder
from tests.unit.app.conftest import Run

DATA = Path(__file__).resolve().parents[3] / "../shared/data/gitbugs_seamonkey"

FIXED = {"average_precision", "auroc", "missed_share", "false_share"}
SAYINGS = {
    "camera": ("the app closes when I open the camera", "opening the camera makes the app close"),
    "refund": ("my refund has not arrived", "I still wait for the money of my refund"),
    "parcel": ("where is my parcel", "my parcel has not come"),
    "lock": ("the smart lock does not open the door", "my door stays shut, the smart lock fails"),
}


@pytest.fixture
def run(sluice: Run, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `sluice evaluate duplicates` with these words."""
    monkeypatch.setenv("COLUMNS", "200")
    return partial(sluice, "evaluate", "duplicates")


def pairs(folder: Path) -> Path:
    rows = [{"a": a, "b": b, "dup": 1} for a, b in SAYINGS.values()]
    firsts = [first for first, _ in SAYINGS.values()]
    rows += [{"a": a, "b": b, "dup": 0} for at, a in enumerate(firsts) for b in firsts[:at]]
    path = folder / "pairs.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def report_of(answer: tuple[int, str, str]) -> dict[str, Any]:
    code, out, err = answer
    assert code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


def test_the_report_has_its_keys_and_makes_sense(run: Run, tmp_path: Path) -> None:
    report = report_of(run(pairs(tmp_path), "--json"))
    assert set(report) >= FIXED
    assert (report["n"], report["duplicates"], report["drawn"]) == (10, 4, False)
    assert report["average_precision"] == report["auroc"] == 1.0
    assert report["false_share"] == 0.0
    assert report["missed_share"] < 1.0
    assert set(report["peers"]) == {"cosine", "tfidf"}
    assert report["known"] == {"created_at": 0.0, "customer": 0.0, "product": 0.0}


def test_people_read_a_table_with_the_peers(run: Run, tmp_path: Path) -> None:
    code, out, _ = run(pairs(tmp_path))
    assert code == 0
    for name in ("Sluice", "cosine of the vectors", "TF-IDF of words", "4 duplicates among 10 pairs"):
        assert name in out


def test_pairs_of_one_kind_alone_cannot_be_scored(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("a,b,dup\nx,y,1\n")
    code, _, err = run(path)
    assert code == 2
    assert "both are needed" in err


def test_a_threshold_of_ones_own_moves_the_shares(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLUICE_DUPLICATE_AT", "0.01")
    report = report_of(run(pairs(tmp_path), "--json"))
    assert (report["threshold"], report["missed_share"], report["false_share"]) == (0.01, 0.0, 1.0)


# -- figures by hand


def test_missed_at_a_false_share() -> None:
    found = np.array([0.9, 0.6, 0.3, 0.8, 0.5, 0.4, 0.2])
    labels = np.array([True, True, True, False, False, False, False])
    assert missed_at(found, labels, 0.0) == pytest.approx(0.6667)
    assert missed_at(found, labels, 0.25) == pytest.approx(0.3333)
    assert missed_at(found, labels, 0.9) == 0.0
    assert missed_at(found, labels, 1.0) == 0.0


def test_scores_of_a_perfect_and_of_a_useless_order() -> None:
    labels = np.array([True, False, True, False])
    assert pair_scores(np.array([0.9, 0.1, 0.8, 0.2]), labels) == {"average_precision": 1.0, "auroc": 1.0}
    assert pair_scores(np.full(4, 0.5), labels) == {"average_precision": 0.5, "auroc": 0.5}


def test_a_text_that_cannot_be_cleaned_takes_no_place() -> None:
    reports = [Report("camera is black"), Report("!!!"), Report("parcel is late")]
    found = compare(reports, HashingEncoder(), CleanPolicy(), PackPolicy(), lambda *_: None)
    assert found.place.tolist() == [0, -1, 1]
    assert found.texts == ["camera is black", "parcel is late"]


def test_neighbours_are_in_meaning_and_in_wording() -> None:
    reports = [Report(text) for both in SAYINGS.values() for text in both]
    found = compare(reports, HashingEncoder(), CleanPolicy(), PackPolicy(), lambda *_: None)
    near = {tuple(pair) for pair in found.nearest(1).tolist()}
    assert {(0, 1), (4, 5)} <= near
    assert all(a < b for a, b in near)


# -- on real reports


@pytest.mark.skipif(not DATA.is_dir(), reason="labelled data is not here")
def test_reports_closed_as_duplicates_are_found_better_than_by_either_peer(run: Run, tmp_path: Path) -> None:
    """SeaMonkey's, in part: those of duplicates and one in four of the others."""
    with gzip.open(DATA / "dup_pairs.jsonl.gz") as file:
        named = [orjson.loads(line) for line in file]
    asked = {pair[side] for pair in named if pair["both_in_file"] for side in "ab"}
    tickets = tmp_path / "tickets.jsonl"
    with gzip.open(DATA / "tickets.jsonl.gz") as file:
        kept = [line for at, line in enumerate(file) if at % 4 == 0 or orjson.loads(line)["id"] in asked]
    tickets.write_bytes(b"".join(kept))
    report = report_of(
        run(DATA / "dup_pairs.jsonl.gz", "--tickets", tickets, "--text", "title+body", "--json")
    )
    peers = list(report["peers"].values())
    assert report["drawn"]
    assert report["auroc"] > max(peer["auroc"] for peer in peers) + 0.01
    assert report["average_precision"] > 2 * max(peer["average_precision"] for peer in peers)
    assert report["missed_share"] < 0.7 < min(peer["missed_share"] for peer in peers)
    assert report["false_share"] < 0.03
