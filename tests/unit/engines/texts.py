"""Real texts to compare engines on, from ../shared/data beside the repository."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

DATA = Path(__file__).resolve().parents[3] / "../shared/data"


def rows(name: str) -> list[dict[str, Any]]:
    """The rows of a data set; the test is skipped where it is not there."""
    file = DATA / name / "data.jsonl.gz"
    if not file.exists():
        pytest.skip(f"{name} is not beside the repository")
    with gzip.open(file, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def text_of(row: dict[str, Any]) -> str:
    """A row's own text, or title and body of an issue."""
    return str(row["text"]) if "text" in row else f"{row['title'] or ''}\n{row['body'] or ''}"
