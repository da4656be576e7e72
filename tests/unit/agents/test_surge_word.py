"""What people said last of the surges of a cluster."""

from typing import Any

import pytest

from agents.surge_word import SurgeWord
from models.surge.word import Word
from schemas.codec import encode
from schemas.contract import time_of
from schemas.feedback import Correction
from schemas.unreadable import Unreadable

NOW_S = 1_772_443_800


def act(kind: str, at_s: int = NOW_S, until_s: int | None = None, **more: Any) -> dict[str, Any]:
    until = None if until_s is None else time_of(until_s * 1000)
    return {"kind": kind, "cluster_id": "c-1", "at": time_of(at_s * 1000), "until": until, **more}


def word_of(*acts: dict[str, Any] | None) -> dict[str, Word]:
    """After records under `f-0`, `f-1`, …; None: what stood under the first key counts no more."""
    word = SurgeWord()
    for number, fields in enumerate(acts):
        key = f"f-{number if fields is not None else 0}"
        value = None if fields is None else encode(Correction.model_validate({"feedback_id": key, **fields}))
        word.feed(key.encode(), value, number)
    return word.of()


@pytest.mark.parametrize(
    ("acts", "expected"),
    [
        pytest.param([], {}, id="nothing"),
        pytest.param([act("bound", owner="a"), act("pinned")], {}, id="of other things"),
        pytest.param(
            [act("acknowledged", NOW_S, NOW_S + 60)], {"c-1": Word(NOW_S, NOW_S + 60)}, id="acknowledged"
        ),
        pytest.param(
            [act("silenced", NOW_S, NOW_S + 60)], {"c-1": Word(0, 0, NOW_S + 60, NOW_S)}, id="silenced"
        ),
        pytest.param(
            [act("silenced", NOW_S, NOW_S + 60), act("unsilenced", NOW_S + 9)],
            {"c-1": Word(0, 0, NOW_S + 9, NOW_S + 9)},
            id="and taken back",
        ),
        pytest.param(
            [act("unsilenced", NOW_S + 9), act("silenced", NOW_S, NOW_S + 60)],
            {"c-1": Word(0, 0, NOW_S + 9, NOW_S + 9)},
            id="the later done counts",
        ),
        pytest.param(
            [act("silenced", NOW_S, NOW_S + 60), act("silenced", NOW_S, NOW_S + 90)],
            {"c-1": Word(0, 0, NOW_S + 90, NOW_S)},
            id="of one moment the later told",
        ),
        pytest.param(
            [act("silenced", NOW_S, NOW_S + 60), act("acknowledged", NOW_S + 1, NOW_S + 90)],
            {"c-1": Word(NOW_S + 1, NOW_S + 90, NOW_S + 60, NOW_S)},
            id="both",
        ),
        pytest.param(
            [act("silenced", NOW_S, NOW_S + 60), act("silenced", NOW_S, NOW_S + 70, cluster_id="c-2")],
            {"c-1": Word(0, 0, NOW_S + 60, NOW_S), "c-2": Word(0, 0, NOW_S + 70, NOW_S)},
            id="of two clusters",
        ),
        pytest.param([act("silenced", NOW_S, NOW_S + 60), None], {}, id="deleted"),
    ],
)
def test_what_was_said_last(acts: list[dict[str, Any] | None], expected: dict[str, Word]) -> None:
    assert word_of(*acts) == expected


def test_what_cannot_be_read_is_said_and_what_stood_there_counts_no_more() -> None:
    word = SurgeWord()
    said = Correction.model_validate({"feedback_id": "f-0", **act("silenced", NOW_S, NOW_S + 60)})
    word.feed(b"f-0", encode(said), 0)
    with pytest.raises(Unreadable):
        word.feed(b"f-0", b"{", 1)
    assert word.of() == {}
