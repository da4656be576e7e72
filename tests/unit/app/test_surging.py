"""The surge path's part of a worker: what its wire is told."""

import pytest

from app.settings import Settings
from app.surging import SurgeParts, surge_wire_policy


@pytest.mark.parametrize(("asked_s", "given_s"), [(120.0, 600.0), (3_600.0, 3_600.0)], ids=["usual", "more"])
def test_a_batch_that_has_all_counts_to_read_again_is_not_taken_for_hung(
    asked_s: float, given_s: float
) -> None:
    policy = surge_wire_policy(Settings(work_timeout_s=asked_s), SurgeParts())
    assert (policy.work_timeout_s, policy.depth) == (given_s, 1)
