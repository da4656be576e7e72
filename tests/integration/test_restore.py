"""The benchmark of a restore on a small state: what it says must be so before its seconds mean anything."""

from pathlib import Path

import pytest

from app.bench.restore import bench_restore
from app.scratch import Told
from app.settings import Settings

pytestmark = pytest.mark.integration


def test_a_worker_that_gains_all_partitions_knows_all_tickets_but_the_deleted(
    broker: str, tmp_path: Path
) -> None:
    settings = Settings(bootstrap=broker, data_dir=tmp_path / "data")
    told = Told(step=lambda _: None, progress=lambda *_: None)
    report = bench_restore(settings, broker, 2_000, tmp_path, told)
    found = {name: report[name] for name in report["written"]}
    assert found == report["written"]
    assert 0 < found["solved_tickets"] < found["known_tickets"] < report["tickets"]
    assert min(report["catch_up_seconds"], report["restore_seconds"]) > 0
    assert report["catch_up_seconds"] + report["restore_seconds"] < report["seconds_to_ready"]
