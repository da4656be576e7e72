"""Wire policy: the bounds of a wire, and how large its batches are by them. Pure; under the wire."""

from dataclasses import dataclass

_FIRST_SIZE = 32


@dataclass(frozen=True, slots=True)
class WirePolicy:
    """Bounds of the wire; all times in seconds.

    Attributes:
        records: most records of a batch, hence of a transaction.
        work_goal_s: batches are kept so small that the agent's work on one takes about this: with a slow encoder too
            nothing waits long for its transaction, and little is read again after a crash.
        depth: batches between poll and commit; 2 lets the agent work while the one before commits.
        gather_s: how long the first record of a batch may wait for company.
        poll_s: longest wait for a first record; bounds how late a stop is noticed.
        pause_after_s: work that takes longer has its partitions paused while membership is kept. A pause throws away
            what the client has fetched, so it should be rare; a rebalance may wait so long for a batch in work.
        work_timeout_s: work that takes longer than this is taken for hung.
        offsets_timeout_s: sending offsets that takes longer has hung: when the broker dies, the client's call
            outlives its own time-out and may never return. The process ends.
        commit_timeout_s: for each call to the transaction coordinator.
        retries: rewinds in a row before the process ends.
        backoff_s: wait before the first rewind, doubled for each further one, at most 1 s.
        tick_s: after how long without a batch there is a tick; None for never.
    """

    records: int = 1024
    work_goal_s: float = 0.5
    depth: int = 2
    gather_s: float = 0.002
    poll_s: float = 0.1
    pause_after_s: float = 2.0
    work_timeout_s: float = 120.0
    offsets_timeout_s: float = 5.0
    commit_timeout_s: float = 15.0
    retries: int = 3
    backoff_s: float = 0.05
    tick_s: float | None = None


def first_size(policy: WirePolicy) -> int:
    """Most records of the first batch, of which nobody knows yet how long they take."""
    return min(policy.records, _FIRST_SIZE)


def next_size(size: int, records: int, work_s: float, policy: WirePolicy) -> int:
    """Most records of the next batch, after one of `records` that took the agent `work_s` seconds: so many as should
    take `work_goal_s`, at most twice the present `size` at a time."""
    fitting = policy.records if work_s <= 0 else int(records * policy.work_goal_s / work_s)
    return max(1, min(fitting, 2 * size, policy.records))
