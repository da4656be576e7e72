"""The benchmark of a worker on a few tickets: every contender must have moved all of them before its rate means
anything."""

from pathlib import Path

import pytest

from app.bench.worker import bench_worker
from app.scratch import Told
from app.settings import Settings

pytestmark = pytest.mark.integration


def test_every_contender_moves_all_tickets_and_the_path_decides_at_each_rate(
    broker: str, tmp_path: Path
) -> None:
    told = Told(step=lambda _: None, progress=lambda *_: None)
    report = bench_worker(
        Settings(bootstrap=broker, data_dir=tmp_path / "data"), broker, 2_000, 2.0, tmp_path, told
    )
    assert report["tickets_per_s"].keys() == {"faust", "confluent", "wire", "path"}
    assert min(report["tickets_per_s"].values()) > 0
    assert {"read", "encode", "match", "decide", "emit", "commit"} <= set(report["path_us_per_ticket"])
    for name in ("latency_25", "latency_250", "latency_half"):
        assert 0 < report[name]["p50_ms"] <= report[name]["p99_ms"]
