"""Escalate: which rules hold, what they do, in which order, and what is said of it."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.routing.escalate import (
    URGENT,
    Action,
    Cause,
    Escalated,
    EscalatePolicy,
    Rule,
    Step,
    escalate,
)
from models.routing.sentiment import Band, Sentiment

SENIORS = {"payments": "payments seniors"}
RAISE = Rule(Action.RAISE, sentiment_at=0.5, to="high")
TO_URGENT = Rule(Action.RAISE, sentiment_at=0.5, to="Urgent")
SENIOR = Rule(Action.SENIOR, sentiment_at=0.6)
PERSON = Rule(Action.PERSON, sentiment_at=0.9)
ALL = (RAISE, SENIOR, URGENT, PERSON)

CALM, UPSET, FURIOUS = (
    Sentiment(0.1, Band.CALM),
    Sentiment(0.7, Band.UPSET),
    Sentiment(0.95, Band.VERY_UPSET),
)


def _escalate(
    rules: tuple[Rule, ...],
    sounds: Sentiment | None = UPSET,
    priority: str | None = "normal",
    owner: str | None = "payments",
) -> Escalated:
    return escalate(owner, priority, sounds, EscalatePolicy(rules=rules, seniors=SENIORS))


@dataclass(frozen=True)
class Case:
    """A ticket under rules, and all that must become of it."""

    name: str
    rules: tuple[Rule, ...]
    sounds: Sentiment | None = UPSET
    priority: str | None = "normal"
    owner: str | None = "payments"
    raised: str | None = None
    senior: str | None = None
    person: str | None = None
    done: str = ""


CASES = [
    Case("no-rules", ()),
    Case("calm", ALL, CALM),
    Case("not-heard", ALL, None),
    Case("urgent-by-itself", ALL, None, " P0 ", person="priority", done="person:priority"),
    Case(
        "at-the-limit",
        (SENIOR,),
        Sentiment(0.6, Band.UPSET),
        senior="payments seniors",
        done="senior:negative_sentiment",
    ),
    Case("under-the-limit", (SENIOR,), Sentiment(0.5999, Band.UPSET)),
    Case("raised", (RAISE,), raised="high", done="raise:negative_sentiment"),
    Case(
        "raised-from-another-writing",
        (RAISE,),
        priority=" LOW ",
        raised="high",
        done="raise:negative_sentiment",
    ),
    Case("raised-from-nothing", (RAISE,), priority=None, raised="high", done="raise:negative_sentiment"),
    Case("high-already", (RAISE,), priority="high"),
    Case("never-lowered", (RAISE,), priority="urgent"),
    Case("not-on-the-ladder", (RAISE,), priority="P3"),
    Case("a-senior", (SENIOR,), senior="payments seniors", done="senior:negative_sentiment"),
    Case("no-senior-for-the-owner", (SENIOR,), owner="web"),
    Case("no-owner", (SENIOR,), owner=None),
    Case("a-person", (PERSON,), FURIOUS, person="negative_sentiment", done="person:negative_sentiment"),
    Case("no-person-for-a-grumble", (PERSON,)),
    Case(
        "upset",
        ALL,
        raised="high",
        senior="payments seniors",
        done="raise:negative_sentiment senior:negative_sentiment",
    ),
    Case(
        "furious",
        ALL,
        FURIOUS,
        raised="high",
        senior="payments seniors",
        person="negative_sentiment",
        done="raise:negative_sentiment senior:negative_sentiment person:negative_sentiment",
    ),
    Case("urgent-and-furious", ALL, FURIOUS, "critical", "web", person="priority", done="person:priority"),
    Case(
        "raised-until-a-person-is-called",
        (TO_URGENT, URGENT),
        raised="Urgent",
        person="priority",
        done="raise:negative_sentiment person:priority",
    ),
    Case(
        "too-late-to-be-raised-for-that",
        (URGENT, TO_URGENT),
        raised="Urgent",
        done="raise:negative_sentiment",
    ),
    Case("the-first-that-can-raise", (RAISE, TO_URGENT), raised="high", done="raise:negative_sentiment"),
    Case(
        "the-one-that-can",
        (RAISE, TO_URGENT),
        priority="high",
        raised="Urgent",
        done="raise:negative_sentiment",
    ),
    Case(
        "both-conditions-must-hold",
        (Rule(Action.PERSON, sentiment_at=0.5, priorities=frozenset({"High"})),),
        priority="high",
        person="negative_sentiment",
        done="person:negative_sentiment",
    ),
    Case("one-of-two-conditions", (Rule(Action.PERSON, sentiment_at=0.5, priorities=frozenset({"high"})),)),
    Case("no-priority-is-no-priority", (Rule(Action.PERSON, priorities=frozenset({""})),), priority=None),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_the_rules_make_of_a_ticket(case: Case) -> None:
    found = _escalate(case.rules, case.sounds, case.priority, case.owner)
    assert (found.priority, found.senior) == (case.raised, case.senior)
    assert found.person == (Cause(case.person) if case.person else None)
    steps = [step.partition(":") for step in case.done.split()]
    assert found.steps == tuple(Step(Action(action), Cause(cause)) for action, _, cause in steps)
    assert len(found.words) == len(found.steps)


def test_what_is_said_of_it() -> None:
    assert _escalate(ALL, FURIOUS).words == (
        "its priority is raised to high: it sounds very upset (0.95, and 0.5 is enough)",
        "payments seniors takes it for payments: it sounds very upset (0.95, and 0.6 is enough)",
        "a person is called at once: it sounds very upset (0.95, and 0.9 is enough)",
    )
    assert _escalate((URGENT,), None, "紧急").words == (
        "a person is called at once: its priority asks for it",
    )


@pytest.mark.parametrize(
    ("build", "why"),
    [
        pytest.param(lambda: Rule(Action.PERSON), "needs a condition", id="always"),
        pytest.param(lambda: Rule(Action.RAISE, sentiment_at=0.5), "says to what", id="raised-to-nothing"),
        pytest.param(lambda: Rule(Action.PERSON, sentiment_at=0.5, to="high"), "says to what", id="no-raise"),
        pytest.param(
            lambda: EscalatePolicy(rules=(RAISE,), ladder=("p2", "p1")),
            "not on the ladder",
            id="off-the-ladder",
        ),
        pytest.param(
            lambda: EscalatePolicy(ladder=("low", "LOW ")), "stands twice", id="ladder-with-a-circle"
        ),
    ],
)
def test_rules_that_mean_nothing_are_refused(build: object, why: str) -> None:
    assert callable(build)
    with pytest.raises(ValueError, match=why):
        build()


@given(
    st.permutations(ALL),
    st.one_of(st.none(), st.sampled_from(["low", "normal", "HIGH", "urgent", "p0", "odd", ""])),
    st.one_of(st.none(), st.integers(0, 10_000).map(lambda n: n / 10_000)),
)
def test_in_any_order_a_ticket_is_only_ever_raised_and_never_less_by_sounding_worse(
    rules: list[Rule], priority: str | None, score: float | None
) -> None:
    ladder = EscalatePolicy().ladder
    sounds = None if score is None else Sentiment(score, Band.UPSET)
    found = _escalate(tuple(rules), sounds, priority)
    worse = _escalate(tuple(rules), Sentiment(1.0, Band.VERY_UPSET), priority)
    assert {step.action for step in found.steps} <= {step.action for step in worse.steps}
    if found.priority is not None and priority is not None:
        assert ladder.index(found.priority) > ladder.index(priority.strip().casefold())
