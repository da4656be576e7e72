"""Heat maps inside decisions: for the share that is asked for, beside the decision and never in its way."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray
from structlog.testing import capture_logs

from agents.routing import RoutingPath, route
from models.errors import Transient
from models.generation import Generation
from models.routing.decide import DecidePolicy
from models.routing.heat import is_explained
from schemas.codec import decode
from schemas.decision import Decision, Overrides
from schemas.state import TicketState
from tests.fakes.encoder import HashingEncoder
from tests.fakes.history import FRESH, HISTORY
from tests.fakes.path import NAMES, Rig, learn, rig
from tests.fakes.records import batch, record, ticket

TEXTS = [text for _, text in (*HISTORY, *FRESH)]


@cache
def learned() -> Generation:
    return learn(HashingEncoder())


def explaining(share: float, encoder: HashingEncoder | None = None, **more: object) -> RoutingPath:
    given: Rig = rig(encoder, [learned()])
    return replace(given.path, explain=share, **more)  # type: ignore[arg-type]


def decided(path: RoutingPath, values: Sequence[bytes]) -> tuple[list[Decision], dict[str, TicketState]]:
    """The decisions on these events, and the state of their tickets."""
    done = batch([record(value, offset=at) for at, value in enumerate(values)])
    route(done, path)
    states = [decode(TicketState, one.value) for one in done.outputs if one.topic == NAMES.state]
    found = [decode(Decision, one.value) for one in done.outputs if one.topic == NAMES.routed]
    return found, {state.ticket_id: state for state in states}


def created(text: str, number: int = 1, **more: object) -> bytes:
    return ticket(f"t-{number}", "created", text, version=1, **more)


def every() -> list[bytes]:
    return [created(text, number) for number, text in enumerate(TEXTS)]


def test_a_heat_map_is_the_masked_text_in_order() -> None:
    found, states = decided(explaining(1.0), [*every(), created("call 13812345678, the app crashes", 99)])
    assert len(found) == len(TEXTS) + 1
    for decision in found:
        assert decision.heat_map is not None
        assert "".join(piece.text for piece in decision.heat_map) == states[decision.ticket_id].text
        assert any(piece.weight is not None for piece in decision.heat_map)
    last = found[-1].heat_map
    assert last is not None
    assert "[PHONE]" in {piece.text for piece in last}


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_the_share_is_drawn_by_id_and_changes_nothing_else(share: float) -> None:
    plain, _ = decided(explaining(0.0), every())
    found, _ = decided(explaining(share), every())
    assert [one.heat_map is not None for one in found] == [is_explained(o.decision_id, share) for o in plain]
    assert [one.model_copy(update={"heat_map": None}) for one in found] == plain


def test_a_ticket_in_triage_has_one_towards_the_nearest_cluster() -> None:
    ((decision,), _) = decided(explaining(1.0, policy=DecidePolicy(floor=1.0)), [created("zzzz qqqq")])
    assert decision.cluster is None
    assert decision.heat_map is not None


def test_an_event_that_is_not_decided_on_has_none() -> None:
    found, states = decided(
        explaining(1.0), [created(TEXTS[0]), ticket("t-1", "resolved", version=2, resolution="done")]
    )
    assert (len(found), states["t-1"].status) == (1, "solved")


class Tires(HashingEncoder):
    """Bears the tickets' texts, and nothing after them."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error, self.passes = error, 0

    def forward(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        self.passes += 1
        if self.passes > 1:
            raise self.error
        return super().forward(tokens)


def test_where_it_fails_the_decision_goes_out_without_and_no_word_is_said() -> None:
    plain, _ = decided(explaining(0.0), [created(TEXTS[0])])
    with capture_logs() as lines:
        found, _ = decided(explaining(1.0, Tires(RuntimeError(TEXTS[0]))), [created(TEXTS[0])])
    assert found == plain
    (line,) = [line for line in lines if line["log_level"] == "error"]
    assert line == {
        "event": "heat_failed",
        "tickets": 1,
        "error": "RuntimeError",
        "log_level": "error",
    }


def test_what_the_encoder_says_of_itself_goes_through() -> None:
    with pytest.raises(Transient, match="busy"):
        decided(explaining(1.0, Tires(Transient("busy"))), [created(TEXTS[0])])


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (DecidePolicy(), None),
        (DecidePolicy(route_at=0.5), Overrides(similarity_floor=None, route_at=0.5)),
        (DecidePolicy(floor=-0.25), Overrides(similarity_floor=-0.25, route_at=None)),
    ],
    ids=["the_generation_s", "route_at", "floor"],
)
def test_a_decision_says_what_an_operator_had_fixed(policy: DecidePolicy, expected: Overrides | None) -> None:
    ((decision,), _) = decided(explaining(0.0, policy=policy), [created(TEXTS[0])])
    assert decision.overrides == expected


def test_a_state_knows_the_priority_that_was_decided_on() -> None:
    path = explaining(0.0)
    first = created(TEXTS[0], priority="high")
    _, states = decided(path, [first, ticket("t-1", "resolved", version=2, priority="low")])
    assert (states["t-1"].version, states["t-1"].priority) == ("v2", "high")
    _, states = decided(explaining(0.0), [first, ticket("t-1", "updated", TEXTS[1], version=2)])
    assert states["t-1"].priority is None
