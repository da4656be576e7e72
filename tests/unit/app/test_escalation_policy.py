"""Escalation follows from the settings: their rules, in the order that lets one lead to the next."""

from typing import Any

import pytest

from app.policies import escalate_policy
from app.settings import Settings
from models.routing.escalate import URGENT, Action, EscalatePolicy, Rule, escalate
from models.routing.sentiment import Band, Sentiment

EVERYTHING: dict[str, Any] = {
    "sentiment_raise_at": 0.5,
    "sentiment_raise_to": "urgent",
    "sentiment_senior_at": 0.6,
    "seniors": ("支付 = 支付专家", "web=web seniors"),
    "sentiment_person_at": 0.9,
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of whoever runs the tests counts."""
    for name in Settings.model_fields:
        monkeypatch.delenv(f"SLUICE_{name.upper()}", raising=False)


def test_unasked_only_urgent_tickets_call_a_person() -> None:
    settings = Settings()
    assert escalate_policy(settings) == EscalatePolicy(rules=(URGENT,))
    assert not settings.hears_sentiment


def test_every_rule_that_is_set_is_there_in_its_order() -> None:
    settings = Settings(**EVERYTHING)
    assert escalate_policy(settings) == EscalatePolicy(
        rules=(
            Rule(Action.RAISE, sentiment_at=0.5, to="urgent"),
            Rule(Action.SENIOR, sentiment_at=0.6),
            URGENT,
            Rule(Action.PERSON, sentiment_at=0.9),
        ),
        seniors={"支付": "支付专家", "web": "web seniors"},
    )


def test_a_ticket_raised_to_an_urgent_priority_calls_a_person() -> None:
    sounds = Sentiment(0.55, Band.UPSET)
    assert escalate("web", "low", sounds, escalate_policy(Settings(**EVERYTHING))).person is not None


@pytest.mark.parametrize(
    ("given", "hears"),
    [
        ({"sentiment_raise_at": 0.0, "sentiment_raise_to": "high"}, True),
        ({"sentiment_senior_at": 0.5, "seniors": ("a=b",)}, True),
        ({"sentiment_person_at": 1.0}, True),
        ({"escalate_priorities": (), "priorities": ("p3", "p2")}, False),
    ],
)
def test_whether_a_rule_asks_how_tickets_sound(given: dict[str, Any], hears: bool) -> None:
    assert Settings(**given).hears_sentiment is hears


def test_without_urgent_priorities_none_calls_a_person() -> None:
    assert escalate_policy(Settings(escalate_priorities=())).rules == ()


def test_a_ladder_of_ones_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLUICE_PRIORITIES", "P3, P2, P1")
    monkeypatch.setenv("SLUICE_SENTIMENT_RAISE_AT", "0.5")
    monkeypatch.setenv("SLUICE_SENTIMENT_RAISE_TO", "p1")
    policy = escalate_policy(Settings())
    assert policy.ladder == ("P3", "P2", "P1")
    assert escalate(None, "p3", Sentiment(0.5, Band.UPSET), policy).priority == "p1"
