"""What people say of a surge on the command line reaches the topic that the surge path follows, on a real broker."""

from typing import cast

import pytest

from agents.surge_word import SurgeWord
from agents.topics import TopicNames
from app.settings import Settings
from models.surge.word import Word
from schemas.codec import decode, encode
from schemas.contract import epoch_ms_of
from schemas.examples import EXAMPLES
from schemas.feedback import Correction
from schemas.surge import Surge, SurgeCluster, SurgeStatus
from tests import kafka
from tests.eventually import eventually
from tests.integration.conftest import StartWorker
from tests.integration.test_shadow import Sluice

pytestmark = pytest.mark.integration


@pytest.fixture
def sluice(settings: Settings) -> Sluice:
    return Sluice(settings)


def test_a_surge_is_listed_shown_acknowledged_and_silenced(
    broker: str, topics: TopicNames, learned: str, sluice: Sluice, start_worker: StartWorker
) -> None:
    assert sluice.said("surges", "list")["surges"] == []
    cluster, other = (one["id"] for one in sluice.said("clusters", "list")["clusters"][:2])
    named = {"cluster": SurgeCluster(id=cluster, name="crash"), "members": []}
    fires = cast(Surge, EXAMPLES[Surge]).model_copy(update={"surge_id": "s-1", **named})
    over = fires.model_copy(update={"surge_id": "s-2", "status": SurgeStatus.RESOLVED})
    kafka.produce(
        broker, topics.surges, [(one.surge_id.encode(), encode(one)) for one in (fires, over, fires)]
    )
    assert [one["surge_id"] for one in sluice.said("surges", "list")["surges"]] == ["s-1"]
    assert [one["surge_id"] for one in sluice.said("surges", "list", "--all")["surges"]] == ["s-1", "s-2"]
    assert sluice.said("surges", "show", cluster)["surge_id"] == "s-1"

    start_worker().await_ready()
    said = [
        sluice.said("surges", "ack", "s-1", "--for", "90m", "--actor", "agent-17"),
        sluice.said("surges", "silence", other, "--for", "2h"),
        sluice.said("surges", "unsilence", other),
    ]
    assert [one["kind"] for one in said] == ["acknowledged", "silenced", "unsilenced"]
    assert [one["cluster"] for one in said] == [cluster, other, other]
    assert {one["generation"] for one in said} == {learned}
    assert eventually(lambda: len(kafka.read_all(broker, topics.corrections)) == len(said), 60)

    word = SurgeWord()
    acts = []
    for record in kafka.read_all(broker, topics.corrections):
        word.feed(record.key(), record.value(), record.offset())
        acts.append(decode(Correction, record.value()))
    ack_s, taken_back_s = (epoch_ms_of(acts[number].at) // 1000 for number in (0, 2))
    assert acts[0].until is not None
    assert 5_390 <= acts[0].until.timestamp() - acts[0].at.timestamp() <= 5_410
    assert word.of() == {
        cluster: Word(ack_s, epoch_ms_of(acts[0].until) // 1000),
        other: Word(0, 0, taken_back_s, taken_back_s),
    }


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(["show", "s-none"], "no surge s-none", id="show"),
        pytest.param(["ack", "c-none"], "no surge and no cluster c-none", id="ack"),
        pytest.param(["silence", "c-none", "--for", "2h"], "no surge and no cluster c-none", id="silence"),
        pytest.param(["silence", "c-none", "--for", "soon"], "--for: give minutes", id="no time"),
        pytest.param(["silence", "c-none"], "Missing option '--for'", id="for ever"),
    ],
)
def test_a_word_that_cannot_hold_is_refused(
    broker: str, topics: TopicNames, learned: str, sluice: Sluice, words: list[str], why: str
) -> None:
    done = sluice.run("surges", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert kafka.read_all(broker, topics.feedback) == []
