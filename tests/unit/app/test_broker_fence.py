"""When a dead cluster's brokers count as given up: said by a controller, and committed by the quorum."""

from pathlib import Path

import pytest

from app.broker.fence import _given_up
from app.broker.folder import Node

FENCING_1 = "[QuorumController id=1] Fencing broker 1 at epoch 11 because its session has timed out."
FENCING_12 = "[QuorumController id=1] Fencing broker 12 at epoch 11 because its session has timed out."
FENCING_2 = "[QuorumController id=1] Fencing broker 2 at epoch 12 because its session has timed out."
WRITE_A = "Read-write operation maybeFenceStaleBroker(77) will be completed when the log reaches offset 47."
WRITE_B = "Read-write operation maybeFenceStaleBroker(78) will be completed when the log reaches offset 57."
READ = "Read-only operation maybeFenceStaleBroker(79) will be completed when the log reaches offset 47"
DONE_A, DONE_B = "Processed maybeFenceStaleBroker(77) in 9 us", "Processed maybeFenceStaleBroker(78) in 9 us"


@pytest.mark.parametrize(
    ("brokers", "logs", "given_up"),
    [
        ([1], [[]], False),
        ([1], [[FENCING_1]], False),
        ([1], [[FENCING_1, WRITE_A]], False),
        ([1], [[FENCING_1, WRITE_A, READ, DONE_A]], True),
        ([1], [[FENCING_12, WRITE_A, DONE_A]], False),
        ([1, 2], [[FENCING_1, WRITE_A, DONE_A]], False),
        ([1, 2], [[FENCING_1, FENCING_2, WRITE_A, DONE_A]], True),
        ([1, 2], [[FENCING_1, WRITE_A, DONE_A, FENCING_2]], False),
        ([1, 2], [[FENCING_1, WRITE_A, DONE_A, FENCING_2, WRITE_B]], False),
        ([1, 2], [[FENCING_1, WRITE_A, DONE_A, FENCING_2, WRITE_B, DONE_B]], True),
        ([1, 2], [[], [FENCING_1, FENCING_2, WRITE_A, DONE_A], []], True),
        ([1, 2], [[FENCING_1, WRITE_A, DONE_A], [FENCING_2, WRITE_B]], False),
    ],
    ids=[
        "silence",
        "said",
        "said and on its way",
        "committed",
        "another broker whose number begins alike",
        "one of two",
        "two at once",
        "the second said",
        "the second on its way",
        "one after the other",
        "the second of three controllers leads",
        "leadership moved between them",
    ],
)
def test_given_up(tmp_path: Path, brokers: list[int], logs: list[list[str]], given_up: bool) -> None:
    paths = []
    for number, lines in enumerate(logs):
        paths.append(tmp_path / f"{number}.log")
        paths[-1].write_text("".join(f"{line}\n" for line in lines))
    assert _given_up([Node(number, 1, 2) for number in brokers], paths) is given_up
