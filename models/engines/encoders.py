"""The one factory of encoders: from a specification to an engine that satisfies `routing.encode.Encoder`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.engines.embedded import DEFAULT_MAX_TOKENS, load_embedded
from models.engines.onnx_encoder import load_onnx
from models.engines.onnx_session import Provider
from models.engines.torch_encoder import load_torch
from models.errors import Fatal
from models.routing.encode import Encoder

Kind = Literal["embedded", "onnx", "torch"]


@dataclass(frozen=True, slots=True)
class EncoderSpec:
    """Which encoder to open, and how.

    Attributes:
        kind: embedded (the default, needs no files), onnx (a folder or an .onnx file) or torch (a folder).
        path: of the folder or file; None for the embedded one.
        provider: where it runs. What is asked for and not there is an error, never another place.
        threads: CPU threads of one pass.
        max_tokens: most tokens of a text; None takes the model's own limit.
        prefix: put before every text.
    """

    kind: Kind = "embedded"
    path: Path | None = None
    provider: Provider = "cpu"
    threads: int = 1
    max_tokens: int | None = None
    prefix: str = ""


def load_encoder(spec: EncoderSpec) -> Encoder:
    """Open an encoder.

    Raises:
        Fatal: the specification contradicts itself, or what it names is missing, broken or not available.
    """
    if spec.threads < 1:
        raise Fatal("encoder: threads must be at least 1")
    if spec.kind == "embedded":
        if spec.path is not None:
            raise Fatal("encoder: the embedded encoder takes no path")
        limit = DEFAULT_MAX_TOKENS if spec.max_tokens is None else spec.max_tokens
        return load_embedded(spec.provider, spec.threads, limit, spec.prefix)
    if spec.path is None:
        raise Fatal(f"encoder: an encoder of kind {spec.kind!r} needs a path")
    load = load_onnx if spec.kind == "onnx" else load_torch
    return load(spec.path, spec.provider, spec.threads, spec.max_tokens, spec.prefix)
