"""Shadow: what two decisions on one ticket differ in."""

from dataclasses import replace

import numpy as np
import pytest

from models.generation import Cluster
from models.routing.decide import Decision, Outcome, Reason
from models.routing.match import Candidate
from models.routing.shadow import Beside, Differs, common_clusters, hold
from tests.fakes.generations import generation

COMMON = frozenset({"c-0", "c-1"})


def decided(
    owner: str | None = "billing", outcome: Outcome = Outcome.ROUTE, cluster: str | None = "c-0"
) -> Decision:
    chosen = Candidate(Cluster(cluster, "refund", owner, 9), owner, 0.7, 0.9, 1.0) if cluster else None
    return Decision(
        decision_id="d-1",
        ticket_id="t-1",
        version="v1",
        outcome=outcome,
        reason=Reason.CONFIDENT,
        owner=owner,
        sla=None,
        cluster=chosen,
        margin=0.3,
        nearest=0.6,
        scope=0.7,
        alternatives=(),
        explanation="",
        generation_id="g-1",
        revision=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("shadow", "differs"),
    [
        pytest.param(decided(), Differs.NO, id="the same"),
        pytest.param(decided("access"), Differs.OWNER, id="another owner"),
        pytest.param(decided(None, Outcome.TRIAGE, None), Differs.OWNER, id="nobody"),
        pytest.param(
            decided("access", Outcome.PROPOSE, "c-1"), Differs.OWNER, id="everything: the owner first"
        ),
        pytest.param(decided(outcome=Outcome.PROPOSE), Differs.OUTCOME, id="a person must confirm"),
        pytest.param(
            decided(outcome=Outcome.PROPOSE, cluster="c-1"), Differs.OUTCOME, id="outcome before cluster"
        ),
        pytest.param(decided(cluster="c-1"), Differs.CLUSTER, id="another problem of the same owner"),
        pytest.param(decided(cluster="c-new"), Differs.NO, id="a problem that only the candidate has"),
    ],
)
def test_what_two_decisions_differ_in(shadow: Decision, differs: Differs) -> None:
    live = decided()
    assert hold(live, shadow, COMMON) == Beside(live, shadow, differs)


@pytest.mark.parametrize(
    ("live", "shadow"),
    [
        pytest.param(
            decided(None, Outcome.TRIAGE, None), decided(None, Outcome.TRIAGE, "c-0"), id="unlike, nobody's"
        ),
        pytest.param(
            decided(None, Outcome.TRIAGE, "c-0"), decided(None, Outcome.TRIAGE, None), id="nobody's, unlike"
        ),
        pytest.param(
            decided(None, Outcome.TRIAGE, None), decided(None, Outcome.TRIAGE, None), id="unlike both"
        ),
        pytest.param(
            decided(cluster="c-old"), decided(cluster="c-0"), id="a problem that the candidate lacks"
        ),
    ],
)
def test_what_goes_to_the_same_people_does_not_differ(live: Decision, shadow: Decision) -> None:
    assert hold(live, shadow, COMMON).differs is Differs.NO


def test_the_clusters_that_both_have() -> None:
    two = generation(["billing", "access"], np.eye(2, dtype=np.float32), [])
    one = replace(two, clusters=(replace(two.clusters[1], owner="others"),))
    assert common_clusters(two, one) == {"c-1"}
    assert common_clusters(two, two) == {"c-0", "c-1"}
