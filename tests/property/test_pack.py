"""Laws of packing: nothing lost, nothing twice, every bound held, and encoding unmoved by it."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.routing.encode import encode
from models.routing.pack import PackPolicy, pack
from tests.fakes.encoder import HashingEncoder

_LENGTHS = st.lists(st.integers(0, 600), max_size=200)
_POLICIES = st.builds(PackPolicy, max_tokens=st.integers(1, 5000), max_count=st.integers(1, 80))


@given(_LENGTHS, _POLICIES)
def test_every_index_stands_in_exactly_one_group(lengths: list[int], policy: PackPolicy) -> None:
    assert sorted(index for group in pack(lengths, policy) for index in group) == list(range(len(lengths)))


@given(_LENGTHS, _POLICIES)
def test_lengths_ascend_and_equal_lengths_keep_their_order(lengths: list[int], policy: PackPolicy) -> None:
    keys = [(lengths[index], index) for group in pack(lengths, policy) for index in group]
    assert keys == sorted(keys)


@given(_LENGTHS, _POLICIES)
def test_bounds_hold_except_for_one_text_that_is_too_long_alone(
    lengths: list[int], policy: PackPolicy
) -> None:
    for group in pack(lengths, policy):
        assert 1 <= len(group) <= policy.max_count
        padded = max(lengths[index] for index in group) * len(group)
        assert padded <= policy.max_tokens or len(group) == 1


@given(_LENGTHS, _POLICIES)
def test_no_group_could_have_taken_the_next_text(lengths: list[int], policy: PackPolicy) -> None:
    groups = pack(lengths, policy)
    for group, following in pairwise(groups):
        one_more = (len(group) + 1) * lengths[following[0]]
        assert len(group) == policy.max_count or one_more > policy.max_tokens


@given(st.lists(st.text(max_size=30), max_size=20), _POLICIES)
def test_encode_is_unmoved_by_how_texts_are_packed(texts: list[str], policy: PackPolicy) -> None:
    encoder = HashingEncoder(dim=8)
    expected = [encoder.forward(encoder.tokenize([text]))[0] for text in texts]
    found = encode(encoder, texts, policy)
    assert found.shape == (len(texts), 8)
    np.testing.assert_allclose(found, np.reshape(expected, (-1, 8)), rtol=0, atol=1e-6)
