"""The encoder of a Hugging Face folder on torch, for GPUs. Satisfies `routing.encode.Encoder`.

torch comes with the extra `gpu` and is imported only when such an encoder is opened. On CUDA the pass runs in 16-bit
floats with 32-bit sums, on the CPU in 32 bits.
"""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.engines.bert_folder import bert_shape, tensors
from models.engines.bert_graph import BertShape, Read
from models.engines.huggingface import FolderTokenizer, ModelFolder, fingerprint, read_folder
from models.engines.onnx_session import Provider
from models.engines.padding import pad, pool
from models.errors import Fatal

_LINEAR = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
_LINEAR_WIDE = ("intermediate.dense", "output.dense")
_NORMS = ("attention.output.LayerNorm", "output.LayerNorm")


class TorchEncoder:
    """Satisfies `routing.encode.Encoder`; made by `load_torch`. May be shared between threads."""

    def __init__(
        self, folder: ModelFolder, read: Read, torch: Any, device: str, tokenizer: FolderTokenizer, name: str
    ) -> None:
        self._folder, self._torch, self._device = folder, torch, device
        self._tokenizer, self._fingerprint = tokenizer, name
        self._shape = bert_shape(folder.config, folder.pad_id)
        self._weights = _on_device(read, self._shape, torch, device)

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dim(self) -> int:
        return self._folder.hidden

    def tokenize(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """As the protocol says."""
        return self._tokenizer.encode(texts)

    def forward(self, tokens: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """As the protocol says."""
        torch = self._torch
        ids, mask = pad(tokens, self._folder.pad_id)
        half = self._device == "cuda"
        with torch.inference_mode(), torch.autocast(self._device, dtype=torch.float16, enabled=half):
            on_device = (torch.from_numpy(array).to(self._device) for array in (ids, mask))
            states = _states(torch, self._weights, self._shape, *on_device)
        return pool(states.float().cpu().numpy(), mask, self._folder.pooling)


def load_torch(
    path: Path, provider: Provider, threads: int, max_tokens: int | None = None, prefix: str = ""
) -> TorchEncoder:
    """Open the model.safetensors of a folder; arguments as for `onnx_encoder.load_onnx`.

    Raises:
        Fatal: torch or the provider is not there, or the folder is not one of a BERT kind.
    """
    try:
        torch: Any = importlib.import_module("torch")
    except ImportError as error:
        raise Fatal("encoder: torch is not installed; it comes with the extra 'gpu'") from error
    if provider == "tensorrt" or (provider == "cuda" and not torch.cuda.is_available()):
        there = "cpu, cuda" if torch.cuda.is_available() else "cpu"
        raise Fatal(f"encoder: provider {provider!r} is not available to torch; available: {there}")
    folder = read_folder(path, max_tokens)
    if folder.safetensors is None:
        raise Fatal(
            f"encoder: {folder.root.name}: torch runs model.safetensors, and the folder holds an .onnx file"
        )
    torch.set_num_threads(threads)
    name = fingerprint(folder, "fp16" if provider == "cuda" else "fp32", prefix)
    read = tensors(folder.safetensors)
    return TorchEncoder(folder, read, torch, provider, FolderTokenizer(folder, prefix), name)


def _on_device(read: Read, shape: BertShape, torch: Any, device: str) -> dict[str, Any]:
    """Every tensor that the pass reads, by name."""
    tables = [f"embeddings.{kind}_embeddings.weight" for kind in ("word", "position", "token_type")]
    parts = ["embeddings.LayerNorm"] + [
        f"encoder.layer.{number}.{part}"
        for number in range(shape.layers)
        for part in (*_LINEAR, *_LINEAR_WIDE, *_NORMS)
    ]
    names = tables + [f"{part}.{kind}" for part in parts for kind in ("weight", "bias")]
    return {name: torch.from_numpy(np.array(read(name))).to(device) for name in names}


def _states(torch: Any, weights: dict[str, Any], shape: BertShape, ids: Any, mask: Any) -> Any:
    """The last hidden state [B, L, hidden]; the same pass as `bert_graph`."""
    functional = torch.nn.functional

    def linear(name: str, value: Any) -> Any:
        return functional.linear(value, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(name: str, value: Any) -> Any:
        gain, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return functional.layer_norm(value, (shape.hidden,), gain, shift, shape.epsilon)

    texts, longest = ids.shape
    positions = weights["embeddings.position_embeddings.weight"][shape.first_position :][:longest]
    words = functional.embedding(ids, weights["embeddings.word_embeddings.weight"])
    state = norm(
        "embeddings.LayerNorm", words + positions + weights["embeddings.token_type_embeddings.weight"][0]
    )
    allowed = mask.bool()[:, None, None, :]
    for number in range(shape.layers):
        layer = f"encoder.layer.{number}"
        query, key, value = (
            linear(f"{layer}.{name}", state).view(texts, longest, shape.heads, -1).transpose(1, 2)
            for name in _LINEAR[:3]
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=allowed)
        mixed = mixed.transpose(1, 2).reshape(texts, longest, shape.hidden)
        state = norm(f"{layer}.{_NORMS[0]}", linear(f"{layer}.{_LINEAR[3]}", mixed) + state)
        widened = functional.gelu(linear(f"{layer}.{_LINEAR_WIDE[0]}", state))
        state = norm(f"{layer}.{_NORMS[1]}", linear(f"{layer}.{_LINEAR_WIDE[1]}", widened) + state)
    return state
