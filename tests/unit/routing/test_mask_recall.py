"""Recall and precision on labelled text (Presidio's research data): the figures that the README names."""

from pathlib import Path
from typing import Any

import pytest

from app.evaluate.masking import evaluate_masking, read_spanned
from models.routing.clean import CleanPolicy
from models.routing.mask import DEFAULT
from models.routing.masking.span import Kind

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
    "DOMAIN_NAME",
)


def report_on(kinds: frozenset[Kind]) -> dict[str, Any]:
    texts = read_spanned(DATA, lambda row: pytest.fail(f"line {row.line}: {row.reason}"))
    return evaluate_masking(texts, CleanPolicy(mask=kinds))


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return report_on(DEFAULT | {Kind.HOST})  # as the settings have it


@pytest.mark.parametrize("kind", RECALLED)
def test_recall(report: dict[str, Any], kind: str) -> None:
    assert report["by_type"][kind]["recall"] >= LEAST
    assert report["by_type"][kind]["leak_share"] <= 1 - LEAST


def test_precision(report: dict[str, Any]) -> None:
    assert report["precision"] >= LEAST
    assert set(report["claims"]) == set(RECALLED)


def test_bare_hosts_stay_where_they_are_not_masked() -> None:
    """The data's web addresses are bare hosts."""
    assert report_on(DEFAULT)["by_type"]["DOMAIN_NAME"]["recall"] == 0.0
