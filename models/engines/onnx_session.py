"""ONNX Runtime sessions: one way to open a model on a chosen provider, or to say why that cannot be."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

# The runtime (seen in 1.31) reports its sessions to its maker unless this stands before it is first imported; tickets
# are nobody else's business, and a worker opens no connection but to Kafka.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime as ort
from numpy.typing import NDArray

from models.engines.onnx_graph import Array
from models.errors import Fatal

Provider = Literal["cpu", "cuda", "tensorrt"]

# The providers that a choice puts in order: what the first cannot compute falls to the next.
# TF32 rounds to 10 bits and would give a GPU's vectors another meaning than a CPU's, so it is off.
_PROVIDERS: Mapping[Provider, Sequence[tuple[str, dict[str, str]]]] = {
    "cpu": (("CPUExecutionProvider", {}),),
    "cuda": (("CUDAExecutionProvider", {"use_tf32": "0"}), ("CPUExecutionProvider", {})),
    "tensorrt": (
        ("TensorrtExecutionProvider", {}),
        ("CUDAExecutionProvider", {"use_tf32": "0"}),
        ("CPUExecutionProvider", {}),
    ),
}


@dataclass(frozen=True, slots=True)
class Session:
    """An open model. `weights` are the arrays that the runtime reads in place: they must live as long as it."""

    run_time: Any
    weights: Mapping[str, Array]

    def run(self, output: str, feed: Mapping[str, Array]) -> NDArray[Any]:
        """The value of one output."""
        value: NDArray[Any] = self.run_time.run([output], feed)[0]
        return value

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(value.name for value in self.run_time.get_inputs())

    @property
    def outputs(self) -> dict[str, int]:
        """Name and number of dimensions of every output."""
        return {value.name: len(value.shape) for value in self.run_time.get_outputs()}


def open_session(
    model: bytes | Path, provider: Provider, threads: int, weights: Mapping[str, Array] | None = None
) -> Session:
    """Open a model from its bytes, or from its file with what lies beside it.

    Args:
        threads: of the CPU, for one pass. They sleep between passes: the worker shares its cores with the wire.
        weights: arrays for the model's external initialisers.

    Raises:
        Fatal: the provider is not there, or the model cannot be opened.
    """
    chosen = _PROVIDERS[provider]
    _require(chosen[0][0], provider, ort.get_available_providers())
    if provider != "cpu":
        ort.preload_dlls()  # CUDA and cuDNN as the wheels bring them, wherever they were installed
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # the lengths differ from call to call, so no plan would be used twice
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    held = dict(weights or {})
    if held:
        values = [ort.OrtValue.ortvalue_from_numpy(array) for array in held.values()]
        options.add_external_initializers(list(held), values)
    source = model if isinstance(model, bytes) else str(model)
    try:
        opened = ort.InferenceSession(source, options, providers=list(chosen))
    except Exception as error:  # the runtime's errors share no class
        name = "graph" if isinstance(model, bytes) else model.name
        raise Fatal(f"encoder: {name}: ONNX Runtime cannot open it ({type(error).__name__})") from error
    _require(chosen[0][0], provider, opened.get_providers())
    return Session(opened, held)


def precision(provider: Provider) -> str:
    """How a float32 model's products are rounded there; part of a fingerprint. TensorRT uses TF32 where it can."""
    return "tf32" if provider == "tensorrt" else "fp32"


def _require(name: str, provider: Provider, present: Sequence[str]) -> None:
    if name not in present:
        there = [choice for choice, chain in _PROVIDERS.items() if chain[0][0] in present]
        raise Fatal(f"encoder: provider {provider!r} is not available; available: {', '.join(there)}")
