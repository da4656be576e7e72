"""Laws of a generation on its topic: whatever its size, its records fit a broker and it comes back as it was."""

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.generations import Assembler, generation_records
from models.generation import Generation, to_bytes
from tests.fakes.generations import generation, unit_rows

_MOST_BYTES = 900_000
_DIM = 64


@st.composite
def generations(draw: st.DrawFn) -> Generation:
    """From a few bare centroids to four parts of noise, which no packer makes smaller."""
    clusters = draw(st.integers(1, 40))
    exemplars = draw(st.integers(0, 20) | st.integers(4_000, 20_000))
    seed = draw(st.integers(0, 2**16))
    return generation(
        ["billing"] * clusters,
        unit_rows(clusters, _DIM, seed),
        [(row % clusters, vector) for row, vector in enumerate(unit_rows(exemplars, _DIM, seed + 1))],
    )


@settings(max_examples=25)
@given(generations(), st.integers(0, 2**16))
def test_records_fit_and_parts_in_any_order_give_the_generation_back(made: Generation, seed: int) -> None:
    name, records = generation_records(made)
    assert max(len(key) + len(value) for key, value in records) < _MOST_BYTES
    *parts, manifest = records
    random.Random(seed).shuffle(parts)
    assembler = Assembler()
    assert [assembler.feed(*part) for part in parts] == [None] * len(parts)
    found = assembler.feed(*manifest)
    assert found is not None
    assert found[0] == name
    assert to_bytes(found[1]) == to_bytes(made)
