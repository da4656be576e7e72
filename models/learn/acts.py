"""Acts: what people did with a ticket, held against what was decided of it. First step of learning; pure.

One rule for all acts, wherever they were told: on `tickets.feedback`, or by a ticket event that names another team.

| act                  | gives the ticket to | its first assignment  | teaches                                         |
| -------------------- | ------------------- | --------------------- | ----------------------------------------------- |
| assigned, reassigned | the owner named     | where none was before | the owner named, unless the ticket is there now |
| labelled             | the owner named     | where none was before | the owner named                                 |
| resolved             | the owner named     | where none was before | the owner named, or else who had it             |
| escalated            | the owner named     | never                 | nothing: whom to call is not whose it is        |

What it teaches is a *correction* where the owner is not the one decided, and a *confirmation* where it is. An act on
a ticket that was never decided on teaches only where a person labels it: a history that is read again must not.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

# Ids of the acts of one moment that are kept to know a repeated one: helpdesks stamp whole seconds.
_MOST_IDS = 32


class ActKind(StrEnum):
    """What can be done with a ticket."""

    ASSIGNED = "assigned"
    REASSIGNED = "reassigned"
    RESOLVED = "resolved"
    LABELLED = "labelled"
    ESCALATED = "escalated"


class Lesson(StrEnum):
    """What an act says of the decision."""

    CORRECTED = "corrected"
    CONFIRMED = "confirmed"


_GIVES = frozenset({ActKind.ASSIGNED, ActKind.REASSIGNED})


@dataclass(frozen=True, slots=True)
class Said:
    """What the last decision on a ticket said.

    Attributes:
        decision_id: None where none was sent; owner, cluster and generation then say where its text was found to
            belong.
        confidence: that its owner is right, as the decision gave it.
        at_ms: when it was made.
        priority: the ticket's, as the decision knew it.
        duplicate_of: the open ticket that it was said to repeat.
        senior: who takes it in the place of its owner, by an operator's rule; to the rest of the path the same team.
    """

    owner: str | None
    cluster_id: str | None
    generation_id: str | None
    decision_id: str | None = None
    outcome: str | None = None
    confidence: float | None = None
    revision: int = 0
    at_ms: int = 0
    priority: str | None = None
    duplicate_of: str | None = None
    senior: str | None = None

    def team(self, named: str | None) -> str | None:
        """Whom a name speaks of: the senior of the ticket's owner is of that team."""
        return self.owner if named is not None and named == self.senior else named

    @property
    def routed(self) -> bool:
        """Whether it gave the ticket to its owner without a person."""
        return self.outcome == "route"


@dataclass(frozen=True, slots=True)
class Handling:
    """What people have done with a ticket so far.

    Attributes:
        first_owner: whom they gave it to first.
        first_right: whether that was the owner decided; None where the decision named none.
        reassigned: how often it changed hands.
        last_at_ms, last_ids: when the last act was done, and the ids of all acts of that moment.
        correction_ids: of the corrections and confirmations made of it.
    """

    first_owner: str | None = None
    first_at_ms: int | None = None
    first_right: bool | None = None
    reassigned: int = 0
    last_at_ms: int = 0
    last_ids: tuple[str, ...] = ()
    correction_ids: tuple[str, ...] = ()


UNTOUCHED = Handling()


@dataclass(frozen=True, slots=True)
class Act:
    """One act on one ticket. `owner` is None where it names nobody."""

    feedback_id: str
    kind: ActKind
    owner: str | None
    at_ms: int


@dataclass(frozen=True, slots=True)
class Effect:
    """What an act changes.

    Attributes:
        handling: what people have done from now on.
        team: who has the ticket now; None where nobody knows.
        owner: whose ticket the act says it is; None where it does not say.
        lesson: what that says of the decision; None where it teaches nothing.
        left: who had it before, where it changed hands.
    """

    handling: Handling
    team: str | None
    owner: str | None
    lesson: Lesson | None
    is_first: bool
    left: str | None
    is_reassignment: bool


def stale(act: Act, handling: Handling) -> str | None:
    """Why an act changes nothing any more: `repeated`, or `late`; None where it is news."""
    if act.feedback_id in handling.last_ids:
        return "repeated"
    return "late" if act.at_ms < handling.last_at_ms else None


def take(act: Act, said: Said, handling: Handling, team: str | None, contested: bool) -> Effect:
    """What an act that is news changes.

    Args:
        team: who has the ticket now, by what was told last; None where nobody knows.
        contested: whether the cluster decided has been corrected lately: a confirmation weighs then.
    """
    act, team = replace(act, owner=said.team(act.owner)), said.team(team)
    touched = handling.first_owner is not None
    holder = team if touched else (said.owner if said.routed else None)
    owner = act.owner
    if owner is None and act.kind is ActKind.RESOLVED:
        owner = holder  # solved where it was: nobody took it away until then
    is_first = not touched and owner is not None and act.kind is not ActKind.ESCALATED
    is_reassignment = (
        act.owner is not None
        and act.owner != holder
        and (holder is not None or act.kind is ActKind.REASSIGNED)
        and act.kind is not ActKind.ESCALATED
    )
    lesson = _lesson(act, owner, said, handling, team if touched else None, contested)
    after = _after(act, handling)
    if is_first:
        right = None if said.decision_id is None or said.owner is None else owner == said.owner
        after = replace(after, first_owner=owner, first_at_ms=act.at_ms, first_right=right)
    if is_reassignment:
        after = replace(after, reassigned=handling.reassigned + 1)
    if lesson is not None:
        after = replace(after, correction_ids=(*handling.correction_ids, act.feedback_id))
    now = team if owner is None else owner
    return Effect(after, now, owner, lesson, is_first, holder if is_reassignment else None, is_reassignment)


def _lesson(
    act: Act, owner: str | None, said: Said, handling: Handling, given_to: str | None, contested: bool
) -> Lesson | None:
    if owner is None or act.kind is ActKind.ESCALATED:
        return None
    if said.decision_id is None:
        return Lesson.CORRECTED if act.kind is ActKind.LABELLED else None
    if act.kind in _GIVES and owner == given_to:
        return None  # said again
    if owner != said.owner:
        return Lesson.CORRECTED
    # A correction of this very ticket is taken back whether its cluster is contested or not.
    return Lesson.CONFIRMED if contested or handling.correction_ids else None


def _after(act: Act, handling: Handling) -> Handling:
    same_moment = handling.last_ids if act.at_ms == handling.last_at_ms else ()
    return replace(
        handling, last_at_ms=act.at_ms, last_ids=(*same_moment[-(_MOST_IDS - 1) :], act.feedback_id)
    )


def seconds_to_assign(created_at_ms: int, said: Said, handling: Handling) -> float | None:
    """From a ticket's creation to the decision that routed it, or else to the first act that named a team; None where
    neither was. Clocks differ: never below 0."""
    at_ms = said.at_ms if said.routed else handling.first_at_ms
    return None if at_ms is None else max(0, at_ms - created_at_ms) / 1000
