"""Recall and precision on labelled text (Presidio's research data): the figures that the README may name.

A span leaks when its value, or any run of three or more letters and digits of it that holds a digit, stands in the
masked text as a whole.
"""

import gzip
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from models.routing.mask import ALL, DEFAULT, TOKEN, mask
from models.routing.normalise import normalise

DATA = Path(__file__).resolve().parents[3] / "../shared/data/presidio_pii_en/generated_large.jsonl.gz"
pytestmark = pytest.mark.skipif(not DATA.exists(), reason="labelled data presidio_pii_en is not here")

LEAST = 0.99
RECALLED = (
    "PHONE_NUMBER",
    "EMAIL_ADDRESS",
    "CREDIT_CARD",
    "IBAN_CODE",
    "IP_ADDRESS",
    "US_SSN",
    "US_DRIVER_LICENSE",
)
RUN = re.compile(r"[^\W_]{3,}")


class Row(NamedTuple):
    text: str
    spans: tuple[tuple[str, str], ...]  # type, value


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    return list(_read())


def _read() -> Iterator[Row]:
    with gzip.open(DATA, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            spans = tuple((span["type"], normalise(span["value"])) for span in row["spans"])
            yield Row(normalise(row["text"]), spans)


def leaks(value: str, masked: str) -> bool:
    runs = [run for run in RUN.findall(value) if any(map(str.isdigit, run))]
    return value in masked or any(re.search(rf"(?<![^\W_]){run}(?![^\W_])", masked) for run in runs)


def recall(rows: list[Row], kind: str, masked: list[str]) -> float:
    told = [
        not leaks(value, text)
        for row, text in zip(rows, masked, strict=True)
        for k, value in row.spans
        if k == kind
    ]
    assert told, f"no {kind} in the data"
    return sum(told) / len(told)


@pytest.mark.parametrize("kind", RECALLED)
def test_recall(rows: list[Row], kind: str) -> None:
    masked = [mask(row.text, DEFAULT).text for row in rows]
    assert recall(rows, kind, masked) >= LEAST


def test_recall_of_hosts_where_they_are_asked_for(rows: list[Row]) -> None:
    """The data's web addresses are bare hosts, which stay unless the policy names them."""
    masked = [mask(row.text, ALL).text for row in rows]
    assert recall(rows, "DOMAIN_NAME", masked) >= LEAST


def test_precision(rows: list[Row]) -> None:
    """No more pieces are masked than there are labelled values of the kinds recognised."""
    pieces: Counter[str] = Counter()
    labelled: Counter[str] = Counter()
    for row in rows:
        pieces["masked"] += len(TOKEN.findall(mask(row.text, DEFAULT).text))
        labelled["masked"] += sum(kind in RECALLED for kind, _ in row.spans)
    assert pieces["masked"] <= labelled["masked"] / LEAST
