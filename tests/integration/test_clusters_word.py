"""People's word on clusters, told on the command line and heeded by the next reclustering and those after, on a real
broker."""

from typing import Any

import pytest

from agents.topics import TopicNames
from app.settings import Settings
from tests import kafka
from tests.eventually import eventually
from tests.integration.conftest import StartWorker
from tests.integration.test_shadow import Sluice

pytestmark = pytest.mark.integration


def _clusters(sluice: Sluice) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in sluice.said("clusters", "list")["clusters"]}


def _of(clusters: dict[str, dict[str, Any]], owner: str) -> str:
    found: str = max((one["size"], one["id"]) for one in clusters.values() if one["owner"] == owner)[1]
    return found


@pytest.fixture
def sluice(settings: Settings) -> Sluice:
    return Sluice(settings)


def test_what_people_said_holds_in_the_next_generations(
    broker: str, topics: TopicNames, learned: str, sluice: Sluice, start_worker: StartWorker
) -> None:
    start_worker().await_ready()
    before = _clusters(sluice)
    mobile, payments, locks = (_of(before, owner) for owner in ("mobile", "payments", "locks"))
    lists = ["past-10,past-15", "past-13,past-17"]
    examples = [word for tickets in lists for word in ("--examples", tickets)]
    acts = [
        ("rename", mobile, "The app does not start"),
        ("pin", locks),
        ("split", payments, *examples),
        ("bind", locks, "doors"),
    ]
    said = [sluice.said("clusters", *words) for words in acts]
    assert [one["kind"] for one in said] == ["renamed", "pinned", "split", "bound"]
    assert [one["at_once"] for one in said] == [False, False, False, True]
    assert {one["topic"] for one in said} == {topics.feedback}
    assert {one["generation"] for one in said} == {learned}
    assert eventually(lambda: len(kafka.read_all(broker, topics.corrections)) == len(acts), 60)

    shown = sluice.said("clusters", "show", locks)
    assert (shown["pinned"], shown["word"]["pinned"], shown["word"]["bound"]) == (False, True, "doors")

    parts: set[str] = set()
    for turn in range(2):
        made = sluice.said("recluster", "--once", "--force")
        clusters = _clusters(sluice)
        assert (clusters[mobile]["name"], clusters[mobile]["named"]) == ("The app does not start", "person")
        assert (clusters[locks]["owner"], clusters[locks]["pinned"]) == ("doors", True)
        assert (clusters[locks]["name"], clusters[locks]["size"]) == (before[locks]["name"], 10)
        off = [event for event in made["events"] if event["other"] == payments]
        assert [event["change"] for event in off] == (["split"] if turn == 0 else [])
        parts |= {payments, *(event["cluster"] for event in off)}
        assert {clusters[part]["owner"] for part in parts} == {"payments"}
        assert sum(clusters[part]["size"] for part in parts) == 10

    (other,) = parts - {payments}
    lines = sluice.run("clusters", "show", other).stdout
    assert f"{other}  {clusters[other]['name']}" in lines
    assert f"{payments} is several problems, 2 by examples" in lines
    assert f"{other} split off {payments}" in lines


@pytest.mark.parametrize(
    ("words", "why"),
    [
        pytest.param(["show", "c-none"], "no cluster c-none in ", id="show"),
        pytest.param(["pin", "c-none"], "no cluster c-none in ", id="pin"),
        pytest.param(["merge", "ID", "c-none"], "no cluster c-none in ", id="merged into none"),
        pytest.param(["merge", "ID", "ID"], "cannot be merged into itself", id="merged into itself"),
        pytest.param(["rename", "ID", ""], "name: String should have at least 1", id="no name"),
        pytest.param(["split", "ID", "--examples", "past-1"], "give it once for each problem", id="one list"),
        pytest.param(
            ["split", "ID", "--examples", "past-1", "--examples", "past-2,past-1"],
            "past-1 cannot be of two problems",
            id="in two lists",
        ),
        pytest.param(
            ["split", "ID", "--examples", "past-1", "--examples", "t-none"],
            "no ticket t-none",
            id="no ticket",
        ),
    ],
)
def test_a_word_that_cannot_hold_is_refused(
    broker: str, topics: TopicNames, learned: str, sluice: Sluice, words: list[str], why: str
) -> None:
    cluster = next(iter(_clusters(sluice)))
    done = sluice.run("clusters", *(cluster if word == "ID" else word for word in words))
    assert (done.returncode, done.stdout) == (2, "")
    assert why in done.stderr
    assert kafka.read_all(broker, topics.feedback) == []
