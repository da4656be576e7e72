"""Heat: pieces weighed by themselves, each text by itself, for no more than the text itself cost."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.evidence import Searchable, searchable
from models.generation import Lexicon
from models.lexicon import hashed_terms, join
from models.routing.corrections import no_corrections
from models.routing.decide import decision_id
from models.routing.encode import Encoder, encode
from models.routing.heat import Part, heat_alone, is_explained
from models.routing.match import match
from models.routing.pack import PackPolicy
from models.vote import VotePolicy
from tests.fakes.encoder import HashingEncoder
from tests.fakes.generations import generation
from tests.fakes.history import FRESH, HISTORY
from tests.fakes.path import learn
from tests.fakes.vector_index import NumpyIndex
from tests.fakes.words import WordEncoder

_WORDS = {"pay": (1, 0, 0), "付款": (1, 0, 0), "lock": (0, 1, 0), "door": (0, 0.6, 0.8)}


def _ready() -> Searchable:
    return searchable(generation(["payments", "locks"], np.eye(3, dtype=np.float32)[:2], []), NumpyIndex)


def _heat(encoder: Encoder, ready: Searchable, texts: Sequence[str]) -> list[tuple[Part, ...]]:
    """Of texts, each towards the cluster that it is matched with."""
    queries = join(ready.generation.lexicon, texts, encode(encoder, texts, PackPolicy()))
    found = match(queries, ready, VotePolicy(), no_corrections(ready.generation.width))
    return heat_alone(texts, [one.candidates[0] for one in found], encoder, PackPolicy(), ready)


def test_a_piece_weighs_its_own_cosine_with_the_cluster() -> None:
    ((*parts,),) = _heat(WordEncoder(_WORDS), _ready(), ["lock on the door, pay"])
    assert parts == [
        Part("lock", 1.0),
        Part(" on the ", None),
        Part("door", 0.602),  # 0.6 on the grid of 1/256
        Part(", ", None),
        Part("pay", 0.0),
    ]


@pytest.mark.parametrize("text", ["😡😡", "pay", "付款", "[PHONE]"])
def test_a_text_of_little_is_no_error(text: str) -> None:
    (parts,) = _heat(WordEncoder(_WORDS), _ready(), [text])
    assert "".join(part.text for part in parts) == text


def test_no_texts_have_no_heat() -> None:
    assert heat_alone([], [], WordEncoder(_WORDS), PackPolicy(), _ready()) == []


def test_the_heat_of_a_text_is_its_own_whatever_stands_beside_it() -> None:
    encoder = HashingEncoder()
    ready = searchable(learn(encoder), NumpyIndex)
    texts = [text for _, text in (*HISTORY, *FRESH)]
    together = _heat(encoder, ready, texts)
    assert together == [_heat(encoder, ready, [text])[0] for text in texts]
    assert together == _heat(encoder, ready, texts[::-1])[::-1]
    assert all(
        "".join(part.text for part in parts) == text for parts, text in zip(together, texts, strict=True)
    )
    assert all(part.probability is None for parts in together for part in parts)


def _weighed(parts: Sequence[Part]) -> list[str]:
    return [part.text for part in parts if part.weight is not None]


def test_four_pieces_are_weighed_the_longest_where_no_lexicon_tells() -> None:
    (parts,) = _heat(WordEncoder(_WORDS), _ready(), ["a1 bb22 ccc333 dddd4444 eeeee55555 ffffff666666 gg77"])
    assert _weighed(parts) == ["ccc333", "dddd4444", "eeeee55555", "ffffff666666"]


def test_those_are_weighed_that_the_lexicon_finds_nearest() -> None:
    terms = np.unique(hashed_terms(["lock"])[1])
    rows = np.full((len(terms), 1), 2**14, dtype=np.int16)
    made = generation(["payments", "locks"], np.eye(4, dtype=np.float32)[[0, 3]], [])
    lexicon = Lexicon(terms, np.ones(len(terms), dtype=np.float32), rows, weight=3.0)
    ready = searchable(replace(made, dim=3, lexicon=lexicon), NumpyIndex)
    (parts,) = _heat(
        WordEncoder(_WORDS), ready, ["many huge pages stand there, then lock locks locked block"]
    )
    assert _weighed(parts) == ["lock", "locks", "locked", "block"]


@pytest.mark.parametrize(
    "text", [" ".join(f"lock{n}" for n in range(300)), "lock" * 300], ids=["many_words", "one_word"]
)
def test_a_long_text_costs_no_more_than_its_budget_or_one_piece(text: str) -> None:
    encoder = WordEncoder(_WORDS)
    (parts,) = _heat(encoder, _ready(), [text])
    own, *of_pieces = encoder.passes
    assert own > 256
    assert 1 <= len(_weighed(parts)) <= 4
    assert sum(of_pieces) <= 256 or len(_weighed(parts)) == 1


def test_the_same_words_are_encoded_once() -> None:
    encoder = WordEncoder(_WORDS)
    _heat(encoder, _ready(), ["pay the lock", "lock pay"])
    before = list(encoder.passes)
    _heat(encoder, _ready(), ["pay the lock", "lock pay"] * 3)
    assert encoder.passes[-1] == before[-1]


IDS = st.builds(
    decision_id, st.text(min_size=1, max_size=9), st.just("v1"), st.just("g-1"), st.integers(0, 9)
)


@given(IDS, st.floats(0, 1), st.floats(0, 1))
def test_a_larger_share_explains_what_a_smaller_one_does(name: str, one: float, other: float) -> None:
    assert not is_explained(name, 0.0)
    assert is_explained(name, 1.0)
    if is_explained(name, min(one, other)):
        assert is_explained(name, max(one, other))


def test_the_share_is_that_of_the_decisions() -> None:
    names = [decision_id(f"t-{number}", "v1", "g-1", 0) for number in range(20_000)]
    explained = sum(is_explained(name, 0.05) for name in names)
    assert explained == pytest.approx(1_000, abs=4 * (20_000 * 0.05 * 0.95) ** 0.5)
