"""Pack: which texts share a pass through the encoder. After clean, before encode."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PackPolicy:
    """Bounds of a micro-batch.

    Attributes:
        max_tokens: padded size, the longest text's tokens times the number of texts.
        max_count: texts.
        max_age_s: how long the oldest ticket may wait for company. The intake holds it: it gathers no longer
            than this after the first ticket; packing itself never waits.
    """

    max_tokens: int = 4096
    max_count: int = 64
    max_age_s: float = 0.002


def pack(lengths: Sequence[int], policy: PackPolicy) -> list[tuple[int, ...]]:
    """Indices of `lengths` in groups, shortest texts first; every index stands in exactly one group.

    A group's longest length times its count stays within `max_tokens`, unless it holds one text that is
    longer than that alone. Equal lengths keep their order.
    """
    groups: list[tuple[int, ...]] = []
    group: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        padded = lengths[index] * (len(group) + 1)  # sorted: the newcomer is the longest
        if group and (padded > policy.max_tokens or len(group) == policy.max_count):
            groups.append(tuple(group))
            group = []
        group.append(index)
    if group:
        groups.append(tuple(group))
    return groups
