import pytest

from models.routing.pack import PackPolicy, pack


@pytest.mark.parametrize(
    ("lengths", "policy", "groups"),
    [
        pytest.param([], PackPolicy(), [], id="nothing"),
        pytest.param([5], PackPolicy(), [(0,)], id="one"),
        pytest.param([3, 1, 2], PackPolicy(), [(1, 2, 0)], id="shortest-first"),
        pytest.param([2, 2, 2], PackPolicy(), [(0, 1, 2)], id="equal-lengths-keep-order"),
        pytest.param([1, 1, 1], PackPolicy(max_count=2), [(0, 1), (2,)], id="count-bound"),
        pytest.param([4, 4, 5], PackPolicy(max_tokens=8), [(0, 1), (2,)], id="token-bound-met-exactly"),
        pytest.param([1, 1, 8], PackPolicy(max_tokens=20), [(0, 1), (2,)], id="padding-counts"),
        pytest.param([99, 1], PackPolicy(max_tokens=10), [(1,), (0,)], id="too-long-stands-alone"),
        pytest.param([0, 0], PackPolicy(max_tokens=1), [(0, 1)], id="empty-texts-cost-nothing"),
    ],
)
def test_pack(lengths: list[int], policy: PackPolicy, groups: list[tuple[int, ...]]) -> None:
    assert pack(lengths, policy) == groups
