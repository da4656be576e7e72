"""Escalate: what an operator's rules do to a ticket because of how it sounds and how urgent it is. Part of decide.

A rule has conditions, which must all hold, and one action. Rules are asked in their order, and each sees what those
before it have done: a ticket that is raised to a priority which calls a person calls one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from models.routing.sentiment import Sentiment


class Action(StrEnum):
    """What a rule does."""

    RAISE = "raise"  # the ticket's priority
    SENIOR = "senior"  # give it to the senior of its owner
    PERSON = "person"  # call one


class Cause(StrEnum):
    """Why it does so: which of its conditions says something of the ticket."""

    NEGATIVE_SENTIMENT = "negative_sentiment"
    PRIORITY = "priority"


def folded(priority: str) -> str:
    """A priority as it is compared."""
    return priority.strip().casefold()


@dataclass(frozen=True, slots=True)
class Rule:
    """An action and when it is taken.

    Attributes:
        sentiment_at: the ticket sounds at least so upset; None: however it sounds.
        priorities: it has one of these; case and surrounding space do not count. Empty: whatever it has.
        to: the priority that it is raised to; for raising alone.
    """

    action: Action
    sentiment_at: float | None = None
    priorities: frozenset[str] = frozenset()
    to: str | None = None

    def __post_init__(self) -> None:
        if self.sentiment_at is None and not self.priorities:
            raise ValueError("a rule needs a condition")
        if (self.action is Action.RAISE) != (self.to is not None):
            raise ValueError("a rule that raises, and no other, says to what")
        object.__setattr__(self, "priorities", frozenset(folded(name) for name in self.priorities))

    @property
    def cause(self) -> Cause:
        return Cause.PRIORITY if self.sentiment_at is None else Cause.NEGATIVE_SENTIMENT


URGENT = Rule(Action.PERSON, priorities=frozenset({"p0", "critical", "urgent", "紧急"}))
"""Urgent tickets call a person at once."""


@dataclass(frozen=True, slots=True)
class EscalatePolicy:
    """An operator's rules.

    Attributes:
        rules: in the order in which they are asked.
        ladder: priorities from the lowest to the highest. A ticket whose priority does not stand there is never
            raised; one without a priority is.
        seniors: the senior of each owner that has one.
    """

    rules: tuple[Rule, ...] = (URGENT,)
    ladder: tuple[str, ...] = ("low", "normal", "high", "urgent")
    seniors: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        steps = [folded(step) for step in self.ladder]
        if len(set(steps)) != len(steps):
            raise ValueError("a priority stands twice on the ladder")
        if any(rule.to is not None and folded(rule.to) not in steps for rule in self.rules):
            raise ValueError("a rule raises to a priority that is not on the ladder")


@dataclass(frozen=True, slots=True)
class Step:
    """What one rule did, and why."""

    action: Action
    cause: Cause


@dataclass(frozen=True, slots=True)
class Escalated:
    """What the rules made of a ticket.

    Attributes:
        priority: the one that it was raised to; None where it was not raised.
        senior: who takes it in place of its owner; None where its owner does.
        person: why a person is called; None where none is.
        steps: what was done, in order; no action twice.
        words: the same for people, a clause each.
    """

    priority: str | None
    senior: str | None
    person: Cause | None
    steps: tuple[Step, ...]
    words: tuple[str, ...]


def escalate(
    owner: str | None, priority: str | None, sentiment: Sentiment | None, policy: EscalatePolicy
) -> Escalated:
    """What the rules make of a ticket; the same arguments always give the same.

    Of several rules with one action the first that can be taken is.

    Args:
        owner: whose ticket it is; None where nobody knows.
        priority: the ticket's own.
        sentiment: None where nothing is known of it; no rule about it holds then.
    """
    raised: str | None = None
    senior: str | None = None
    person: Cause | None = None
    steps, words = list[Step](), list[str]()
    for rule in policy.rules:
        now = priority if raised is None else raised
        if not _holds(rule, now, sentiment):
            continue
        if rule.action is Action.RAISE and raised is None and _is_higher(rule.to, now, policy.ladder):
            raised, what = rule.to, f"its priority is raised to {rule.to}"
        elif (
            rule.action is Action.SENIOR and senior is None and owner is not None and owner in policy.seniors
        ):
            senior = policy.seniors[owner]
            what = f"{senior} takes it for {owner}"
        elif rule.action is Action.PERSON and person is None:
            person, what = rule.cause, "a person is called at once"
        else:
            continue
        steps.append(Step(rule.action, rule.cause))
        words.append(f"{what}: {_because(rule, sentiment)}")
    return Escalated(raised, senior, person, tuple(steps), tuple(words))


def _holds(rule: Rule, priority: str | None, sentiment: Sentiment | None) -> bool:
    if rule.sentiment_at is not None and (sentiment is None or sentiment.score < rule.sentiment_at):
        return False
    return not rule.priorities or (priority is not None and folded(priority) in rule.priorities)


def _is_higher(wanted: str | None, priority: str | None, ladder: tuple[str, ...]) -> bool:
    """Whether the ladder says that `wanted` is above the priority; it says nothing of one that is not on it."""
    steps = [folded(step) for step in ladder]
    if wanted is None or (priority is not None and folded(priority) not in steps):
        return False
    return priority is None or steps.index(folded(wanted)) > steps.index(folded(priority))


def _because(rule: Rule, sentiment: Sentiment | None) -> str:
    if rule.sentiment_at is None or sentiment is None:
        return "its priority asks for it"
    sounds = sentiment.band.value.replace("_", " ")
    return f"it sounds {sounds} ({sentiment.score:g}, and {rule.sentiment_at:g} is enough)"
