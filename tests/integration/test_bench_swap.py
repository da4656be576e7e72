"""The benchmark of a swap on a few tickets: what it compares must have happened before its ratios mean anything."""

from pathlib import Path

import pytest

from app.bench.swap import bench_swap
from app.scratch import Told
from app.settings import Settings

pytestmark = pytest.mark.integration


def test_tickets_are_decided_on_beside_a_reclustering_until_the_worker_has_its_generation(
    broker: str, tmp_path: Path
) -> None:
    report = bench_swap(
        Settings(bootstrap=broker, data_dir=tmp_path / "data"),
        broker,
        tickets=600,
        rate=20,
        turn_s=1.0,
        rounds=1,
        folder=tmp_path,
        told=Told(step=lambda _: None, progress=lambda *_: None),
    )
    assert report["swaps"] == 1
    assert report["batches"] > 0
    assert len(report["recluster_seconds"]["beside"]) == 1
    for name in ("quiet", "reclustering"):
        found = report[name]
        assert found["tickets"] > 0
        assert 0 < found["p50_ms"] <= found["p99_ms"] <= found["longest_ms"]
