"""Folder encoders: against a forward pass written out in numpy, against known facts, and what is refused."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from scipy.special import erf

from models.engines.encoders import EncoderSpec, load_encoder
from models.errors import Fatal
from models.routing.encode import encode
from models.routing.pack import PackPolicy
from tests.fakes.model_folder import HEADS, HIDDEN, LAYERS, POSITIONS, make_folder, to_onnx, write_json
from tests.unit.engines.engines import MINILM, minilm

_TEXTS = ["my card", "the refund fails after the late update", "login"]
Rows = NDArray[np.float64]


def _vectors(path: Path, **changed: Any) -> NDArray[np.float32]:
    return encode(load_encoder(EncoderSpec("onnx", path, **changed)), _TEXTS, PackPolicy())


def _by_hand(folder: Path, ids: list[int], first_position: int, pooling: str) -> Rows:
    """One text through BERT, one head after the other, as the paper has it."""
    weights = {
        name: value.astype(np.float64) for name, value in load_file(folder / "model.safetensors").items()
    }

    def dense(name: str, value: Rows) -> Rows:
        result: Rows = value @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]
        return result

    def norm(name: str, value: Rows) -> Rows:
        spread = np.sqrt(value.var(axis=1, keepdims=True) + 1e-5)
        scaled = (value - value.mean(axis=1, keepdims=True)) / spread
        result: Rows = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
        return result

    tables = [weights[f"embeddings.{kind}_embeddings.weight"] for kind in ("word", "position", "token_type")]
    at = np.arange(len(ids)) + first_position
    state = norm("embeddings.LayerNorm", tables[0][ids] + tables[1][at] + tables[2][0])
    for number in range(LAYERS):
        layer, width = f"encoder.layer.{number}", HIDDEN // HEADS
        query, key, value = (
            dense(f"{layer}.attention.self.{name}", state) for name in ("query", "key", "value")
        )
        heads = []
        for head in range(HEADS):
            own = slice(head * width, (head + 1) * width)
            scores = np.exp(query[:, own] @ key[:, own].T / math.sqrt(width))
            heads.append(scores / scores.sum(axis=1, keepdims=True) @ value[:, own])
        mixed = dense(f"{layer}.attention.output.dense", np.concatenate(heads, axis=1))
        state = norm(f"{layer}.attention.output.LayerNorm", mixed + state)
        wide = dense(f"{layer}.intermediate.dense", state)
        wide = wide * 0.5 * (1 + erf(wide / math.sqrt(2)))
        state = norm(f"{layer}.output.LayerNorm", dense(f"{layer}.output.dense", wide) + state)
    pooled = state.mean(axis=0) if pooling == "mean" else state[0]
    unit: Rows = pooled / np.linalg.norm(pooled)
    return unit


@pytest.mark.parametrize(
    ("model_type", "pooling", "first_position"),
    [("bert", "mean", 0), ("bert", "cls", 0), ("xlm-roberta", "mean", 2), ("roberta", "cls", 2)],
)
def test_vectors_equal_a_pass_by_hand(
    tmp_path: Path, model_type: str, pooling: str, first_position: int
) -> None:
    folder = make_folder(tmp_path / "tiny", model_type, pooling)
    encoder = load_encoder(EncoderSpec("onnx", folder))
    tokens = encoder.tokenize(_TEXTS)
    expected = [_by_hand(folder, list(ids), first_position, pooling) for ids in tokens]
    np.testing.assert_allclose(encoder.forward(tokens), expected, rtol=0, atol=2e-6)


def test_minilm_gives_the_similarities_its_authors_publish() -> None:
    """The semantic-search page of sentence-transformers lists 0.7553 for this pair."""
    texts = ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby."]
    one, two, three = encode(minilm(), texts, PackPolicy())
    assert float(one @ two) == pytest.approx(0.7553, abs=1e-4)
    assert float(one @ three) < 0.1


@pytest.mark.parametrize("place", ["model.onnx", "onnx/model.onnx", "onnx/model_fp32.onnx"])
def test_an_onnx_file_gives_what_its_safetensors_gave(tmp_path: Path, place: str) -> None:
    folder = make_folder(tmp_path / "tiny")
    expected = _vectors(folder)
    file = to_onnx(folder, place)
    np.testing.assert_allclose(_vectors(file), expected, rtol=0, atol=1e-6)
    if file.name == "model.onnx":
        np.testing.assert_allclose(_vectors(folder), expected, rtol=0, atol=1e-6)


def test_a_folder_without_pooling_takes_the_mean(tmp_path: Path) -> None:
    bare = make_folder(tmp_path / "bare", pooling=None)
    np.testing.assert_allclose(_vectors(bare), _vectors(make_folder(tmp_path / "mean")), rtol=0, atol=1e-6)


def test_weights_named_after_the_whole_model_are_found(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tiny")
    expected = _vectors(folder)
    file = folder / "model.safetensors"
    save_file({f"bert.{name}": value for name, value in load_file(file).items()}, file)
    np.testing.assert_array_equal(_vectors(folder), expected)


def test_weights_in_half_precision_are_read(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tiny")
    expected = _vectors(folder)
    file = folder / "model.safetensors"
    save_file({name: value.astype(np.float16) for name, value in load_file(file).items()}, file)
    np.testing.assert_allclose(_vectors(folder), expected, rtol=0, atol=5e-3)


def _set(name: str, **values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        file = folder / name
        write_json(file, {**(json.loads(file.read_text()) if file.exists() else {}), **values})

    return change


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _write(name: str, content: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_text(content)

    return change


def _lose_a_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, folder / "model.safetensors")


def _both_onnx(folder: Path) -> None:
    file = to_onnx(folder, "model.onnx")
    (folder / "onnx").mkdir()
    shutil.copy(file, folder / "onnx/model.onnx")


def _dense_module(folder: Path) -> None:
    write_json(folder / "modules.json", [{"type": "sentence_transformers.models.Dense", "path": "2_Dense"}])


def _listed_pooling_missing(folder: Path) -> None:
    write_json(
        folder / "modules.json", [{"type": "sentence_transformers.models.Pooling", "path": "9_Pooling"}]
    )


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        pytest.param(_remove("config.json"), r"tiny/config\.json is missing", id="no-config"),
        pytest.param(_remove("tokenizer.json"), r"tiny/tokenizer\.json is missing", id="no-tokenizer"),
        pytest.param(_remove("model.safetensors"), r"tiny has neither model\.onnx", id="no-weights"),
        pytest.param(
            _remove("1_Pooling/config.json"), r"1_Pooling/config\.json is missing", id="no-pooling-file"
        ),
        pytest.param(_write("config.json", "{"), r"tiny/config\.json cannot be read", id="broken-config"),
        pytest.param(_write("config.json", "[]"), r"tiny/config\.json does not hold", id="config-is-a-list"),
        pytest.param(
            _write("tokenizer.json", "{}"), r"tiny/tokenizer\.json cannot be read", id="broken-tokenizer"
        ),
        pytest.param(
            _write("model.safetensors", "x"), r"tiny/model\.safetensors cannot", id="broken-weights"
        ),
        pytest.param(
            _write("model.onnx", "x"), r"model\.onnx: ONNX Runtime cannot open it", id="broken-onnx"
        ),
        pytest.param(_lose_a_tensor, r"lacks encoder\.layer\.1\.output\.dense\.bias", id="tensor-missing"),
        pytest.param(
            _set("config.json", model_type="gpt2"), r"config\.json model_type is not", id="other-kind"
        ),
        pytest.param(
            _set("config.json", hidden_act="relu"), r"config\.json hidden_act", id="other-activation"
        ),
        pytest.param(_set("config.json", hidden_size=None), r"config\.json lacks hidden_size", id="no-width"),
        pytest.param(
            _set("config.json", num_attention_heads=5), r"num_attention_heads", id="heads-do-not-fit"
        ),
        pytest.param(
            _set("config.json", vocab_size=5), r"tokenizer\.json has more tokens", id="more-tokens-than-rows"
        ),
        pytest.param(
            _set("1_Pooling/config.json", word_embedding_dimension=8),
            r"contradicts config\.json",
            id="widths-differ",
        ),
        pytest.param(
            _set("1_Pooling/config.json", pooling_mode_cls_token=True),
            r"either mean or cls",
            id="two-poolings",
        ),
        pytest.param(
            _set("1_Pooling/config.json", pooling_mode_mean_tokens=False),
            r"either mean or cls",
            id="no-pooling",
        ),
        pytest.param(
            _dense_module, r"modules\.json has a module that is not supported: Dense", id="dense-module"
        ),
        pytest.param(
            _listed_pooling_missing, r"9_Pooling/config\.json is missing", id="listed-pooling-missing"
        ),
        pytest.param(_both_onnx, r"has both model\.onnx and onnx/model\.onnx", id="two-onnx-files"),
    ],
)
def test_a_broken_folder_is_refused_by_the_name_of_the_file(
    tmp_path: Path, harm: Callable[[Path], None], message: str
) -> None:
    folder = make_folder(tmp_path / "tiny")
    harm(folder)
    with pytest.raises(Fatal, match=message) as caught:
        load_encoder(EncoderSpec("onnx", folder))
    assert str(tmp_path) not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["nowhere", "nowhere/model.onnx"])
def test_a_path_to_nothing_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(Fatal, match="nowhere"):
        load_encoder(EncoderSpec("onnx", tmp_path / path))


@pytest.mark.parametrize(
    ("model_type", "asked", "expected"),
    [("bert", None, POSITIONS), ("xlm-roberta", None, POSITIONS - 2), ("bert", 5, 5)],
)
def test_texts_are_cut_at_what_the_position_table_holds(
    tmp_path: Path, model_type: str, asked: int | None, expected: int
) -> None:
    encoder = load_encoder(EncoderSpec("onnx", make_folder(tmp_path / "t", model_type), max_tokens=asked))
    tokens = encoder.tokenize(["card " * 100])
    assert len(tokens[0]) == expected
    assert np.isfinite(encoder.forward(tokens)).all()


@pytest.mark.parametrize(
    ("file", "key"),
    [("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")],
)
def test_the_smallest_limit_that_the_folder_names_counts(tmp_path: Path, file: str, key: str) -> None:
    folder = make_folder(tmp_path / "tiny")
    write_json(folder / file, {key: 7})
    assert len(load_encoder(EncoderSpec("onnx", folder)).tokenize(["card " * 100])[0]) == 7


@pytest.mark.parametrize("asked", [0, POSITIONS + 1])
def test_a_limit_beyond_the_models_is_refused(tmp_path: Path, asked: int) -> None:
    with pytest.raises(Fatal, match=f"allows 1 to {POSITIONS} tokens"):
        load_encoder(EncoderSpec("onnx", make_folder(tmp_path / "tiny"), max_tokens=asked))


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
@pytest.mark.parametrize("kind", ["embedded", "onnx"])
def test_a_provider_that_is_not_there_is_refused_with_what_is(kind: Any, provider: Any) -> None:
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this ONNX Runtime has CUDA")
    with pytest.raises(Fatal, match=f"'{provider}' is not available; available: cpu"):
        load_encoder(EncoderSpec(kind, MINILM if kind == "onnx" else None, provider=provider))


def test_the_fingerprint_follows_what_shapes_a_vector_and_nothing_else(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tiny")

    def named(**changed: Any) -> str:
        return load_encoder(EncoderSpec("onnx", folder, **changed)).fingerprint

    first = named()
    assert first == named(threads=2) == named(max_tokens=POSITIONS)
    seen = [first, named(prefix="query "), named(max_tokens=8)]
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.LayerNorm.bias"][0] += 1
    save_file(weights, folder / "model.safetensors")
    seen.append(named())
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"refund"', '"return"'))
    seen.append(named())
    _set("1_Pooling/config.json", pooling_mode_mean_tokens=False, pooling_mode_cls_token=True)(folder)
    seen.append(named())
    assert len(set(seen)) == len(seen)


def test_a_prefix_is_part_of_the_text(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tiny")
    plain, prefixed = (load_encoder(EncoderSpec("onnx", folder, prefix=prefix)) for prefix in ("", "query "))
    assert prefixed.tokenize(["my card"]) == plain.tokenize(["query my card"])
