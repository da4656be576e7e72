"""Acts: what each changes, and what it says of the decision."""

from dataclasses import dataclass, replace

import pytest

from models.learn.acts import (
    UNTOUCHED,
    Act,
    ActKind,
    Effect,
    Handling,
    Lesson,
    Said,
    seconds_to_assign,
    stale,
    take,
)

NOW = 1_790_000_000_000
ROUTED = Said("mobile", "c-1", "g-1", "d-1", "route", 0.95, 3, NOW)
PROPOSED = replace(ROUTED, outcome="propose")
TRIAGED = Said(None, None, "g-1", "d-1", "triage", None, 3, NOW)
NOBODYS = replace(TRIAGED, cluster_id="c-1")
NEVER = Said("mobile", "c-1", "g-1")
GIVEN = Handling("mobile", NOW, True, 0, NOW, ("f-0",))
"""People gave it to the owner decided."""
TAKEN = Handling("locks", NOW, False, 0, NOW, ("f-0",), ("f-0",))
"""People gave it to another owner, and that was a correction."""


def act(kind: str, owner: str | None = None, at_ms: int = NOW + 1_000, name: str = "f-1") -> Act:
    return Act(name, ActKind(kind), owner, at_ms)


def effect(
    done: Act,
    said: Said,
    handling: Handling = UNTOUCHED,
    team: str | None = None,
    *,
    contested: bool = False,
) -> Effect:
    return take(done, said, handling, team, contested)


@dataclass(frozen=True)
class Case:
    """An act on a ticket, and all that it must lead to."""

    name: str
    done: Act
    said: Said
    handling: Handling = UNTOUCHED
    team: str | None = None
    now: str | None = None
    lesson: str | None = None
    first: str | None = None
    right: bool | None = None
    moved_from: str | None = None
    moved: bool = False


CASES = [
    # the first one to give it to somebody
    Case("routed, and given to that owner", act("assigned", "mobile"), ROUTED, now="mobile",
         first="mobile", right=True),
    Case("routed, and taken from that owner", act("reassigned", "locks"), ROUTED, now="locks",
         lesson="corrected", first="locks", right=False, moved_from="mobile", moved=True),
    Case("routed, and given to another", act("assigned", "locks"), ROUTED, now="locks",
         lesson="corrected", first="locks", right=False, moved_from="mobile", moved=True),
    Case("proposed, and confirmed", act("assigned", "mobile"), PROPOSED, now="mobile",
         first="mobile", right=True),
    Case("proposed, and given to another", act("assigned", "locks"), PROPOSED, now="locks",
         lesson="corrected", first="locks", right=False),
    Case("proposed, taken from nobody knows whom", act("reassigned", "mobile"), PROPOSED, now="mobile",
         first="mobile", right=True, moved=True),
    Case("in triage, and named", act("labelled", "locks"), TRIAGED, now="locks",
         lesson="corrected", first="locks"),
    Case("in triage, and assigned", act("assigned", "locks"), TRIAGED, now="locks",
         lesson="corrected", first="locks"),
    Case("a problem that is nobody's, and named", act("labelled", "locks"), NOBODYS, now="locks",
         lesson="corrected", first="locks"),
    Case("labelled as decided", act("labelled", "mobile"), PROPOSED, now="mobile",
         first="mobile", right=True),
    # again
    Case("given again to whom it was given", act("assigned", "locks"), ROUTED, TAKEN, "locks", now="locks",
         first="locks", right=False),
    Case("passed on", act("reassigned", "payments"), ROUTED, TAKEN, "locks", now="payments",
         lesson="corrected", first="locks", right=False, moved_from="locks", moved=True),
    Case("given back to the owner decided", act("reassigned", "mobile"), ROUTED, TAKEN, "locks",
         now="mobile", lesson="confirmed", first="locks", right=False, moved_from="locks", moved=True),
    Case("taken away later", act("reassigned", "locks"), ROUTED, GIVEN, "mobile", now="locks",
         lesson="corrected", first="mobile", right=True, moved_from="mobile", moved=True),
    Case("labelled otherwise than it stands", act("labelled", "locks"), ROUTED, GIVEN, "mobile",
         now="locks", lesson="corrected", first="mobile", right=True, moved_from="mobile", moved=True),
    Case("labelled as it stands: said with intent", act("labelled", "locks"), ROUTED, TAKEN, "locks",
         now="locks", lesson="corrected", first="locks", right=False),
    # solved
    Case("solved where it was routed", act("resolved"), ROUTED, now="mobile", first="mobile", right=True),
    Case("solved by another than it was routed to", act("resolved", "locks"), ROUTED, now="locks",
         lesson="corrected", first="locks", right=False, moved_from="mobile", moved=True),
    Case("solved, proposed only, and nobody says by whom", act("resolved"), PROPOSED),
    Case("solved in triage, and nobody says by whom", act("resolved"), TRIAGED),
    Case("solved by whom it was given to", act("resolved"), ROUTED, TAKEN, "locks", now="locks",
         lesson="corrected", first="locks", right=False),
    Case("solved by the owner decided", act("resolved", "mobile"), PROPOSED, now="mobile",
         first="mobile", right=True),
    # escalated
    Case("a person was called", act("escalated"), ROUTED),
    Case("a person was called who has it now", act("escalated", "oncall"), ROUTED, now="oncall"),
    Case("called from where it was", act("escalated", "oncall"), ROUTED, TAKEN, "locks", now="oncall",
         first="locks", right=False),
    # never decided on
    Case("of the history, and assigned", act("assigned", "locks"), NEVER, now="locks", first="locks"),
    Case("of the history, and solved", act("resolved", "locks"), NEVER, now="locks", first="locks"),
    Case("of the history, and labelled", act("labelled", "locks"), NEVER, now="locks",
         lesson="corrected", first="locks"),
    # a team that nobody gave it to by an act: the CRM's default
    Case("from the default team to the owner routed to", act("assigned", "mobile"), ROUTED,
         team="service desk", now="mobile", first="mobile", right=True),
    Case("from the default team to another", act("reassigned", "locks"), ROUTED, team="service desk",
         now="locks", lesson="corrected", first="locks", right=False, moved_from="mobile", moved=True),
    Case("called from the default team", act("escalated"), ROUTED, team="service desk", now="service desk"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_an_act_changes_and_says(case: Case) -> None:
    found = effect(case.done, case.said, case.handling, case.team)
    assert found.team == case.now
    assert found.lesson == case.lesson
    assert (found.handling.first_owner, found.handling.first_right) == (case.first, case.right)
    assert found.is_first == (case.first is not None and case.handling.first_owner is None)
    assert (found.is_reassignment, found.left) == (case.moved, case.moved_from)
    assert found.handling.reassigned == case.handling.reassigned + case.moved


CONFIRMING = [
    case
    for case in CASES
    if case.said.decision_id is not None
    and case.done.kind is not ActKind.ESCALATED
    and (case.done.owner or case.now) == case.said.owner is not None
]


@pytest.mark.parametrize("case", CONFIRMING, ids=lambda case: case.name)
def test_in_a_contested_cluster_what_was_right_is_said_too(case: Case) -> None:
    found = effect(case.done, case.said, case.handling, case.team, contested=True)
    assert (found.lesson, found.owner) == (Lesson.CONFIRMED, case.said.owner)


@pytest.mark.parametrize("case", [c for c in CASES if c not in CONFIRMING], ids=lambda case: case.name)
def test_in_a_contested_cluster_what_was_wrong_is_said_as_ever(case: Case) -> None:
    calm = effect(case.done, case.said, case.handling, case.team)
    assert effect(case.done, case.said, case.handling, case.team, contested=True) == calm


def test_whom_it_was_given_to_again_is_not_said_again_in_a_contested_cluster() -> None:
    found = effect(act("assigned", "mobile"), ROUTED, GIVEN, "mobile", contested=True)
    assert found.lesson is None


@pytest.mark.parametrize("kind", ActKind)
def test_every_act_is_noted(kind: ActKind) -> None:
    found = effect(Act("f-1", kind, "locks", NOW + 7), ROUTED)
    assert (found.handling.last_ids, found.handling.last_at_ms) == (("f-1",), NOW + 7)


def test_the_ids_of_lessons_are_kept_and_of_other_acts_not() -> None:
    first = effect(act("reassigned", "locks", NOW + 1, "f-1"), ROUTED)
    second = effect(act("assigned", "locks", NOW + 2, "f-2"), ROUTED, first.handling, first.team)
    third = effect(act("reassigned", "mobile", NOW + 3, "f-3"), ROUTED, second.handling, second.team)
    assert third.handling.correction_ids == ("f-1", "f-3")


# -- repeated and late


@pytest.mark.parametrize(
    ("done", "why"),
    [
        pytest.param(act("assigned", "locks", NOW, "f-0"), "repeated", id="the last one again"),
        pytest.param(act("assigned", "locks", NOW + 5, "f-0"), "repeated", id="its id at another time"),
        pytest.param(act("assigned", "locks", NOW - 1), "late", id="older"),
        pytest.param(act("assigned", "locks", NOW), None, id="another of the same moment"),
        pytest.param(act("assigned", "locks", NOW + 1), None, id="newer"),
    ],
)
def test_which_act_is_news(done: Act, why: str | None) -> None:
    assert stale(done, TAKEN) == why
    assert stale(done, UNTOUCHED) is None


def test_acts_of_one_moment_are_each_taken_once() -> None:
    """Helpdesks stamp whole seconds."""
    acts = [act("assigned", "locks", NOW, f"f-{number}") for number in range(4)]
    handling = UNTOUCHED
    for done in acts:
        assert stale(done, handling) is None
        handling = effect(done, ROUTED, handling, "locks").handling
    assert [stale(done, handling) for done in acts] == ["repeated"] * 4
    later = effect(act("assigned", "locks", NOW + 1, "f-9"), ROUTED, handling, "locks").handling
    assert [stale(done, later) for done in acts] == ["late"] * 4


def test_however_many_acts_one_moment_has_a_ticket_stays_small() -> None:
    handling = UNTOUCHED
    for number in range(100):
        handling = effect(act("assigned", "locks", NOW, f"f-{number}"), ROUTED, handling, "locks").handling
    assert len(handling.last_ids) == 32
    assert handling.last_ids[-1] == "f-99"


# -- how long it took


@pytest.mark.parametrize(
    ("said", "handling", "seconds"),
    [
        pytest.param(ROUTED, UNTOUCHED, 60.0, id="routed: when it was decided"),
        pytest.param(ROUTED, replace(TAKEN, first_at_ms=NOW + 9_000), 60.0, id="routed, then taken"),
        pytest.param(PROPOSED, UNTOUCHED, None, id="proposed: nobody has it yet"),
        pytest.param(PROPOSED, replace(TAKEN, first_at_ms=NOW + 9_000), 69.0, id="proposed, then given"),
        pytest.param(NEVER, replace(TAKEN, first_at_ms=NOW + 9_000), 69.0, id="never decided on"),
        pytest.param(PROPOSED, replace(TAKEN, first_at_ms=NOW - 90_000), 0.0, id="by a clock behind"),
    ],
)
def test_seconds_to_assign(said: Said, handling: Handling, seconds: float | None) -> None:
    assert seconds_to_assign(NOW - 60_000, said, handling) == seconds


# -- seniors


SENIOR = replace(ROUTED, senior="mobile seniors")


@pytest.mark.parametrize(
    ("owner", "handling", "team"),
    [
        pytest.param("mobile seniors", UNTOUCHED, None, id="given to the senior"),
        pytest.param("mobile seniors", GIVEN, "mobile", id="from the owner to the senior"),
        pytest.param("mobile", GIVEN, "mobile seniors", id="from the senior to the owner"),
        pytest.param("locks", UNTOUCHED, None, id="to another"),
        pytest.param("locks", GIVEN, "mobile seniors", id="from the senior to another"),
    ],
)
@pytest.mark.parametrize("kind", ["assigned", "reassigned", "resolved"])
def test_the_senior_of_the_owner_decided_is_that_owner(
    kind: str, owner: str, handling: Handling, team: str | None
) -> None:
    plain = {"mobile seniors": "mobile"}
    found = effect(act(kind, owner), SENIOR, handling, team)
    assert found == effect(
        act(kind, plain.get(owner, owner)), SENIOR, handling, plain.get(team, team) if team else None
    )
    assert "mobile seniors" not in (found.owner, found.team, found.handling.first_owner, found.left)


def test_the_senior_of_another_owner_is_whoever_was_named() -> None:
    found = effect(act("assigned", "locks seniors"), SENIOR)
    assert (found.owner, found.lesson) == ("locks seniors", Lesson.CORRECTED)
