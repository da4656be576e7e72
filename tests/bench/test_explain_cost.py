"""What heat maps cost a worker: 1 decision in 20 may cost 1 second in 20."""

import pytest

from app.bench.explain import bench_explain
from app.scratch import Told
from app.settings import Settings

pytestmark = pytest.mark.bench


def test_one_decision_in_twenty_is_explained_for_a_twentieth_of_the_time(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = Told(step=lambda _: None, progress=lambda *_: None)
    report = bench_explain(Settings(), tickets=2_048, share=0.05, turns=3, told=told)
    with capsys.disabled():
        print(f"\n{report}")  # noqa: T201
    assert 60 <= report["explained"] <= 145  # a twentieth, give or take four standard errors
    assert report["step_share"] <= 0.05
