"""The encoder of a Hugging Face folder on ONNX Runtime, without torch. Satisfies `routing.encode.Encoder`."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.engines import bert_graph
from models.engines.bert_folder import bert_shape, tensors
from models.engines.huggingface import FolderTokenizer, ModelFolder, fingerprint, read_folder
from models.engines.onnx_session import Provider, Session, open_session, precision
from models.engines.padding import pad, pool, unit
from models.errors import Fatal

_TAKEN = frozenset({"input_ids", "attention_mask", "token_type_ids"})


class OnnxEncoder:
    """Satisfies `routing.encode.Encoder`; made by `load_onnx`. May be shared between threads."""

    def __init__(self, folder: ModelFolder, session: Session, tokenizer: FolderTokenizer, name: str) -> None:
        self._folder, self._session, self._tokenizer, self._fingerprint = folder, session, tokenizer, name
        self._inputs = session.inputs
        self._output = _output(session, folder)

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
        ids, mask = pad(tokens, self._folder.pad_id)
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        states = self._session.run(self._output, {name: given[name] for name in self._inputs})
        states = states.astype(np.float32, copy=False)
        return unit(states) if states.ndim == 2 else pool(states, mask, self._folder.pooling)


def load_onnx(
    path: Path, provider: Provider, threads: int, max_tokens: int | None = None, prefix: str = ""
) -> OnnxEncoder:
    """Open a folder or an .onnx file in one; without an .onnx file the graph is built from model.safetensors.

    Args:
        threads: CPU threads of one pass.
        max_tokens: most tokens of a text; None takes the folder's own limit.
        prefix: put before every text ("query: " for e5).

    Raises:
        Fatal: see `huggingface.read_folder` and `onnx_session.open_session`.
    """
    folder = read_folder(path, max_tokens)
    if folder.onnx is not None:
        session = open_session(folder.onnx, provider, threads)
    else:
        assert folder.safetensors is not None  # read_folder found one of the two
        read = tensors(folder.safetensors)
        graph, weights = bert_graph.build(read, bert_shape(folder.config, folder.pad_id))
        session = open_session(graph, provider, threads, weights)
    name = fingerprint(folder, precision(provider), prefix)
    return OnnxEncoder(folder, session, FolderTokenizer(folder, prefix), name)


def _output(session: Session, folder: ModelFolder) -> str:
    """The output to read: states of every token, which are pooled here, or else a finished vector a text."""
    name = folder.onnx.name if folder.onnx else "graph"
    if unknown := set(session.inputs) - _TAKEN:
        raise Fatal(f"encoder: {name} asks for an input that is not known: {sorted(unknown)[0]}")
    for dimensions in (3, 2):
        for output, count in session.outputs.items():
            if count == dimensions:
                return output
    raise Fatal(f"encoder: {name} has no output of token states or of vectors")
