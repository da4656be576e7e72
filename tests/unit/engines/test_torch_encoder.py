"""The torch engine: the same folder gives the same vectors as ONNX Runtime; and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from models.engines.encoders import EncoderSpec, load_encoder
from models.errors import Fatal
from models.routing.encode import encode
from models.routing.pack import PackPolicy
from tests.fakes.model_folder import make_folder, to_onnx
from tests.unit.engines.engines import MINILM, minilm, torch_minilm, without_torch

_TEXTS = ["A man is eating food.", "lost card " * 20, "login fails", "支付失败"]
needs_torch = pytest.mark.skipif(without_torch(), reason="torch is not installed (extra `gpu`)")


@needs_torch
def test_vectors_and_fingerprint_equal_those_of_onnx_runtime() -> None:
    expected = encode(minilm(), _TEXTS, PackPolicy())
    np.testing.assert_allclose(encode(torch_minilm(), _TEXTS, PackPolicy()), expected, rtol=0, atol=1e-5)
    assert torch_minilm().fingerprint == minilm().fingerprint


@needs_torch
@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_roberta_folder_gives_what_onnx_runtime_gives(tmp_path: Path, pooling: str) -> None:
    folder = make_folder(tmp_path / "tiny", "xlm-roberta", pooling)
    by_torch, by_onnx = (
        encode(load_encoder(EncoderSpec(kind, folder)), ["my card", "the late refund"], PackPolicy())
        for kind in ("torch", "onnx")
    )
    np.testing.assert_allclose(by_torch, by_onnx, rtol=0, atol=1e-5)


@needs_torch
def test_a_folder_with_an_onnx_file_is_refused(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "tiny")
    to_onnx(folder, "model.onnx")
    with pytest.raises(Fatal, match=r"tiny: torch runs model\.safetensors"):
        load_encoder(EncoderSpec("torch", folder))


@needs_torch
def test_tensorrt_is_not_torchs(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="'tensorrt' is not available to torch"):
        load_encoder(EncoderSpec("torch", make_folder(tmp_path / "tiny"), provider="tensorrt"))


@pytest.mark.skipif(not without_torch(), reason="torch is installed")
def test_without_torch_the_extra_is_named() -> None:
    with pytest.raises(Fatal, match="extra 'gpu'"):
        load_encoder(EncoderSpec("torch", MINILM))


@pytest.mark.gpu
def test_half_precision_on_cuda_stays_near_and_is_named_apart() -> None:
    on_gpu = load_encoder(EncoderSpec("torch", MINILM, provider="cuda"))
    expected = encode(minilm(), _TEXTS, PackPolicy())
    assert float((encode(on_gpu, _TEXTS, PackPolicy()) * expected).sum(axis=1).min()) > 0.999
    assert on_gpu.fingerprint != minilm().fingerprint
