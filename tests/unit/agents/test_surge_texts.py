"""The words of the latest tickets of each cluster: which are held, and for how long."""

import numpy as np
import pytest

from agents.state import text_of
from agents.surge_texts import ClusterTexts
from agents.young import YoungStates
from schemas.contract import time_of
from schemas.state import TicketState
from tests.fakes.generations import unit_rows
from tests.fakes.records import NOW_MS, record, state, state_record

NOW_S = NOW_MS // 1000
ROWS = unit_rows(4, 8, 1)


class Rig:
    """Texts behind the reader that finds young tickets."""

    def __init__(self, of_a_cluster: int = 3, of_all: int = 5) -> None:
        self.texts = ClusterTexts(of_a_cluster, of_all)
        self.young = YoungStates("fake", 8, 3_600_000, lambda: NOW_MS, self.texts)

    def read(self, ticket_id: str, cluster_id: str | None = "c-1", age_s: int = 0, **more: object) -> None:
        self.young.on_state(state_record(ticket(ticket_id, cluster_id, age_s, **more)))

    def held(self, *clusters: str, since_s: int = 0) -> list[str]:
        return [one.ticket_id for one in self.texts.of(clusters, since_s)]


def ticket(ticket_id: str, cluster_id: str | None, age_s: int, **more: object) -> TicketState:
    fields: dict[str, object] = {
        "text": f"text of {ticket_id}",
        "vector": text_of(ROWS[0]),
        "cluster_id": cluster_id,
        "decided_at": time_of(NOW_MS - age_s * 1000),
    }
    return state(ticket_id, **(fields | more))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_texts_are_told_by_cluster_and_time_with_their_vectors(rig: Rig) -> None:
    rig.read("t-1", age_s=60)
    rig.read("t-2", "c-2")
    rig.read("t-3", "c-3")
    assert rig.held("c-1", "c-2") == ["t-1", "t-2"]
    assert rig.held("c-1", "c-2", since_s=NOW_S - 30) == ["t-2"]
    (found,) = rig.texts.of(["c-3"], 0)
    assert (found.text, found.at_s) == ("text of t-3", NOW_S)
    assert found.vector.dtype == np.float32
    assert np.allclose(found.vector, ROWS[0], atol=1 / 128)


def test_of_a_cluster_and_of_all_the_latest_are_held(rig: Rig) -> None:
    for number in range(5):
        rig.read(f"t-{number}")
    assert rig.held("c-1") == ["t-2", "t-3", "t-4"]
    for number in range(5, 8):
        rig.read(f"t-{number}", "c-2")
    assert len(rig.texts) == 5
    assert rig.held("c-1", "c-2") == ["t-3", "t-4", "t-5", "t-6", "t-7"]


@pytest.mark.parametrize(
    "more",
    [
        pytest.param({"encoder": "another"}, id="of another encoder"),
        pytest.param({"vector": text_of(unit_rows(1, 4, 0)[0])}, id="of another length"),
        pytest.param({"text": ""}, id="without a text"),
        pytest.param({"age_s": 3_601}, id="not young"),
        pytest.param({"decided_at": None}, id="never decided on"),
        pytest.param({"cluster_id": None}, id="of no cluster"),
    ],
)
def test_what_is_of_no_use_is_not_held(rig: Rig, more: dict[str, object]) -> None:
    rig.read("t-1", **more)  # type: ignore[arg-type]
    assert len(rig.texts) == 0


def test_a_ticket_moves_with_its_cluster_and_goes_when_it_is_deleted(rig: Rig) -> None:
    rig.read("t-1")
    rig.read("t-1", "c-2")
    assert (rig.held("c-1"), rig.held("c-2")) == ([], ["t-1"])
    rig.read("t-1", None)
    assert rig.held("c-2") == []
    rig.read("t-2")
    rig.young.on_state(state_record(None, "t-2"))
    assert rig.held("c-1") == []


def test_what_cannot_be_read_is_passed_over(rig: Rig) -> None:
    now = time_of(NOW_MS).isoformat().replace("+00:00", "Z")
    rig.young.on_state(record(f'{{"decided_at":"{now}"'.encode(), key=b"t-1", topic="tickets.state"))
    assert len(rig.texts) == 0


def test_a_long_text_is_cut(rig: Rig) -> None:
    rig.read("t-1", text="x" * 9_000)
    (found,) = rig.texts.of(["c-1"], 0)
    assert len(found.text) == 2_000
