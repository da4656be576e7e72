"""`sluice feedback`: which act the options say, and which ones say none."""

from typing import Any

import pytest

from app.cli.feedback import act_of
from models.errors import Fatal
from schemas.feedback import FeedbackKind

MORE: dict[str, Any] = {"feedback_id": "f-1", "at": "2026-03-02T10:02:00Z", "owner": None, "actor": None}


@pytest.mark.parametrize(
    ("said", "kind", "named"),
    [
        ({"assigned_to": "locks"}, FeedbackKind.ASSIGNED, {"ticket_id": "x-1", "owner": "locks"}),
        ({"reassigned_to": "locks"}, FeedbackKind.REASSIGNED, {"ticket_id": "x-1", "owner": "locks"}),
        ({"labelled": "locks"}, FeedbackKind.LABELLED, {"ticket_id": "x-1", "owner": "locks"}),
        ({"resolved": True}, FeedbackKind.RESOLVED, {"ticket_id": "x-1"}),
        ({"escalated": True}, FeedbackKind.ESCALATED, {"ticket_id": "x-1"}),
        ({"bound_to": "locks"}, FeedbackKind.BOUND, {"cluster_id": "x-1", "owner": "locks"}),
        ({"merged_into": "c-2"}, FeedbackKind.MERGED, {"cluster_id": "x-1", "into_cluster_id": "c-2"}),
        ({"split": True}, FeedbackKind.SPLIT, {"cluster_id": "x-1"}),
    ],
    ids=lambda value: value.value if isinstance(value, FeedbackKind) else None,
)
def test_each_option_is_an_act(said: dict[str, Any], kind: FeedbackKind, named: dict[str, str]) -> None:
    act = act_of("x-1", said, MORE)
    assert (act.kind, act.feedback_id) == (kind, "f-1")
    fields = ("ticket_id", "cluster_id", "owner", "into_cluster_id")
    assert {name: getattr(act, name) for name in fields if getattr(act, name) is not None} == named


def test_what_belongs_to_a_solved_ticket() -> None:
    act = act_of(
        "x-1", {"resolved": True}, MORE | {"owner": "locks", "resolution": "new hub", "kb_article_id": "kb-1"}
    )
    assert (act.owner, act.resolution, act.kb_article_id) == ("locks", "new hub", "kb-1")


@pytest.mark.parametrize(
    ("said", "more", "why"),
    [
        pytest.param({}, {}, "say one act: --assigned-to, ", id="none"),
        pytest.param({"resolved": True, "split": True}, {}, "say one act: ", id="two"),
        pytest.param({"assigned_to": "a"}, {"owner": "b"}, "--owner belongs to", id="two owners"),
        pytest.param({"escalated": True}, {"resolution": "x"}, "--resolution and", id="solved, escalated"),
        pytest.param({"assigned_to": ""}, {}, "owner: ", id="an empty name"),
        pytest.param({"resolved": True}, {"at": "yesterday"}, "at: a time is RFC 3339", id="no time"),
        pytest.param({"resolved": True}, {"feedback_id": "a\tb"}, "feedback_id: ", id="no id"),
    ],
)
def test_what_is_no_act_is_said_in_a_line(said: dict[str, Any], more: dict[str, Any], why: str) -> None:
    with pytest.raises(Fatal, match=rf"^{why}[^\n]*$"):
        act_of("x-1", said, MORE | more)
