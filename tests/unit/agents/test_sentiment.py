"""Sentiment on the way of a ticket: heard once, told in the decision, and acted on where a rule asks for it."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import pytest

from agents.routing import RoutingPath, route
from models.generation import Generation
from models.routing.decide import DecidePolicy
from models.routing.escalate import URGENT, Action, EscalatePolicy, Rule
from models.routing.sentiment import SentimentHead, scores
from models.vote import settle
from schemas.codec import decode
from schemas.decision import Decision, Escalation, EscalationAction, EscalationReason
from schemas.state import TicketState
from tests.fakes.encoder import HashingEncoder
from tests.fakes.history import FRESH, HISTORY
from tests.fakes.path import NAMES, learn, rig
from tests.fakes.records import batch, committed, record, ticket
from tests.fakes.sentiment import random_head

TEXTS = [text for _, text in FRESH]
RULES = EscalatePolicy(
    rules=(
        Rule(Action.RAISE, sentiment_at=0.01, to="high"),
        Rule(Action.SENIOR, sentiment_at=0.01),
        URGENT,
        Rule(Action.PERSON, sentiment_at=0.99),
    ),
    seniors={team: f"{team} seniors" for team, _ in FRESH if team},
)


@cache
def learned() -> Generation:
    return learn(HashingEncoder())


@cache
def loud() -> SentimentHead:
    """A head of the fake encoder to which each text sounds in its own way."""
    encoder = HashingEncoder()
    return replace(random_head(3, encoder.dim, 8, encoder.fingerprint), upset_at=0.4, very_upset_at=0.7)


def hearing(head: SentimentHead | None, rules: EscalatePolicy | None = None) -> RoutingPath:
    given = rig(None, [learned()]).path
    policy = DecidePolicy() if rules is None else DecidePolicy(escalate=rules)
    return replace(given, sentiment=head, policy=policy)


def decided(path: RoutingPath, values: Sequence[bytes]) -> tuple[list[Decision], list[TicketState]]:
    """The decisions on these events, and the states that they left, as one committed batch."""
    done = batch([record(value, offset=at) for at, value in enumerate(values)])
    route(done, path)
    committed(done)
    found = [decode(Decision, one.value) for one in done.outputs if one.topic == NAMES.routed]
    return found, [decode(TicketState, one.value) for one in done.outputs if one.topic == NAMES.state]


def created(text: str, number: int = 1, **more: object) -> bytes:
    return ticket(f"t-{number}", "created", text, version=1, **more)


def every() -> list[bytes]:
    return [created(text, number) for number, text in enumerate(TEXTS)]


def test_a_decision_tells_how_its_ticket_sounds_whatever_its_batch() -> None:
    found, states = decided(hearing(loud()), every())
    encoder = HashingEncoder()
    vectors = settle(encoder.forward(encoder.tokenize([state.text for state in states])))
    assert [one.sentiment.score for one in found if one.sentiment] == scores(loud(), vectors).tolist()
    alone = [decided(hearing(loud()), [value])[0][0] for value in every()]
    assert [one.sentiment for one in alone] == [one.sentiment for one in found]
    assert len({one.sentiment.label for one in found if one.sentiment}) > 1


def test_without_a_head_it_is_null_and_the_rest_as_ever() -> None:
    without, _ = decided(hearing(None), every())
    found, _ = decided(hearing(loud()), every())
    assert {one.sentiment for one in without} == {None}
    assert [one.model_copy(update={"sentiment": None}) for one in found] == without


def test_rules_about_it_do_nothing_without_a_head() -> None:
    without, _ = decided(hearing(None), every())
    found, _ = decided(hearing(None, RULES), every())
    assert found == without


def test_a_rule_changes_what_is_told_and_says_why() -> None:
    plain, _ = decided(hearing(loud()), every())
    found, states = decided(hearing(loud(), RULES), every())
    negative = EscalationReason.NEGATIVE_SENTIMENT
    named = 0
    for before, after, state in zip(plain, found, states, strict=True):
        assert after.sentiment is not None
        assert after.sentiment == before.sentiment
        done = [] if after.sentiment.score < 0.01 else [EscalationAction.RAISE]
        if done and before.owner is not None:
            done.append(EscalationAction.SENIOR)
            assert (after.owner, after.senior_of) == (f"{before.owner} seniors", before.owner)
            assert (state.owner, state.senior) == (before.owner, after.owner)
            named += 1
        if after.sentiment.score >= 0.99:
            done.append(EscalationAction.PERSON)
            assert (after.outcome, after.reason) == ("escalate", "negative_sentiment")
        assert after.escalation == [Escalation(action=action, reason=negative) for action in done]
        assert after.priority == ("high" if done else None)
        assert after.explanation.lower().endswith(before.explanation.lower())
        assert after.decision_id == before.decision_id
    assert named > 0


@pytest.mark.parametrize("named", ["mobile seniors", "mobile"])
def test_who_gives_a_ticket_to_the_senior_gives_it_to_his_team(named: str) -> None:
    text = next(text for team, text in HISTORY if team == "mobile")
    always = replace(RULES, rules=(Rule(Action.SENIOR, sentiment_at=0.0),))
    path = hearing(loud(), always)
    (first,), _ = decided(path, [created(text)])
    assert first.senior_of == "mobile"
    assigned = ticket("t-1", "updated", text, version=2, assigned_team=named)
    _, (state,) = decided(path, [assigned])
    assert (state.first_owner, state.first_assignment_right) == ("mobile", True)
    assert (state.reassigned, state.correction_ids) == (0, [])


def test_an_event_that_brings_no_text_is_heard_by_that_of_before() -> None:
    path = hearing(loud())
    (first,), _ = decided(path, [created(TEXTS[0])])
    (again,), _ = decided(path, [ticket("t-1", "updated", version=2, priority="low")])
    assert first.sentiment is not None
    assert again.sentiment == first.sentiment
