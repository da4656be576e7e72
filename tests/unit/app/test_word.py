"""People's word out of the corrections: the last said counts, whatever came in which order."""

from dataclasses import replace
from typing import Any

import pytest

from agents.corrections import Learnt
from app.word import word_of
from models.recluster.word import Split, Word
from schemas.feedback import CorrectionKind


def _act(kind: str, cluster: str = "c-1", at_ms: int = 1, revision: int = 1, **more: Any) -> Learnt:
    return Learnt(
        revision=revision,
        feedback_id=f"f-{revision}",
        kind=CorrectionKind(kind),
        ticket_id=None,
        cluster_id=cluster,
        into_cluster_id=more.get("into"),
        decided_owner=None,
        owner=more.get("owner"),
        generation_id="g-1",
        text=None,
        vector=None,
        at_ms=at_ms,
        name=more.get("name"),
        examples=more.get("examples", ()),
    )


_LISTS = (("t-1",), ("t-2", "t-3"))


@pytest.mark.parametrize(
    ("acts", "word"),
    [
        pytest.param([], Word(), id="nothing"),
        pytest.param(
            [_act("bound", owner="a"), _act("bound", at_ms=2, owner="b")],
            Word(bound={"c-1": "b"}),
            id="bound",
        ),
        pytest.param(
            [_act("renamed", at_ms=3, name="new"), _act("renamed", at_ms=2, revision=2, name="old")],
            Word(named={"c-1": "new"}),
            id="a name that came late is none",
        ),
        pytest.param(
            [_act("renamed", name="one"), _act("renamed", revision=2, name="two")],
            Word(named={"c-1": "two"}),
            id="of one moment the later told",
        ),
        pytest.param(
            [_act("pinned"), _act("pinned", "c-2")], Word(pinned=frozenset({"c-1", "c-2"})), id="pinned"
        ),
        pytest.param([_act("pinned"), _act("unpinned", at_ms=2)], Word(), id="and taken back"),
        pytest.param(
            [_act("unpinned"), _act("pinned", at_ms=2)],
            Word(pinned=frozenset({"c-1"})),
            id="and pinned again",
        ),
        pytest.param([_act("merged", into="c-2")], Word(merged=(("c-1", "c-2"),)), id="merged"),
        pytest.param(
            [_act("split", examples=_LISTS)], Word(splits=(Split("c-1", 1, _LISTS),)), id="split by examples"
        ),
        pytest.param(
            [_act("merged", into="c-2"), _act("merged", "c-3", 2, into="c-4"), _act("split", "c-2", 3)],
            Word(merged=(("c-3", "c-4"),), splits=(Split("c-2", 3, (), ("c-1",)),)),
            id="a split takes back what was merged before",
        ),
        pytest.param(
            [_act("split", "c-2"), _act("merged", at_ms=2, into="c-2")],
            Word(merged=(("c-1", "c-2"),), splits=(Split("c-2", 1),)),
            id="and nothing that is merged after",
        ),
        pytest.param(
            [_act("acknowledged"), _act("silenced"), _act("unsilenced", at_ms=2)],
            Word(),
            id="of its surges, which changes no cluster",
        ),
    ],
)
def test_what_people_said(acts: list[Learnt], word: Word) -> None:
    assert word_of(acts) == word


def test_acts_on_tickets_say_nothing_of_clusters() -> None:
    assert word_of([replace(_act("corrected", owner="a"), ticket_id="t-1")]) == Word()
