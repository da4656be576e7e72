"""A local Hugging Face folder: what is in it, whether it fits together, and its tokenizer.

Beside the encoders of a folder (`onnx_encoder`, `torch_encoder`), which run what is read here.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import onnx
from tokenizers import Tokenizer

from models.engines.bert_folder import POSITIONS_AFTER_PADDING, check_bert
from models.engines.bert_graph import GRAPH_VERSION
from models.engines.faults import fault

Pooling = Literal["mean", "cls"]

_ONNX_PLACES = ("model.onnx", "onnx/model.onnx")
_UNSET_LENGTH = 1_000_000  # tokenizers without a limit of their own write a huge number


@dataclass(frozen=True, slots=True)
class ModelFolder:
    """A folder that was read and fits together. One of `onnx` and `safetensors` is None."""

    root: Path
    onnx: Path | None
    safetensors: Path | None
    config: Mapping[str, Any]
    pooling: Pooling
    max_tokens: int
    pad_id: int

    @property
    def hidden(self) -> int:
        return int(self.config["hidden_size"])


def read_folder(path: Path, max_tokens: int | None) -> ModelFolder:
    """Read a folder, or the folder around an .onnx file.

    Args:
        max_tokens: a limit of one's own, within the model's; None takes the smallest that the folder names.

    The pooling is that of the Pooling module, and mean where the folder has none. Rows are always normalised, with a
    Normalize module or without.

    Raises:
        Fatal: a file is missing, cannot be read or contradicts another; the message names it.
    """
    root, model = _root(path)
    config = _json(root / "config.json")
    if not (root / "tokenizer.json").is_file():
        raise fault(root / "tokenizer.json", "is missing")
    hidden, positions = config.get("hidden_size"), config.get("max_position_embeddings")
    if not isinstance(hidden, int) or not isinstance(positions, int):
        raise fault(root / "config.json", "lacks hidden_size or max_position_embeddings")
    pad_id = config.get("pad_token_id") or 0
    if config.get("model_type") in POSITIONS_AFTER_PADDING:
        positions -= pad_id + 1
    safetensors = None if model else root / "model.safetensors"
    if safetensors:
        check_bert(root, config)
    return ModelFolder(
        root=root,
        onnx=model,
        safetensors=safetensors,
        config=config,
        pooling=_pooling(root, hidden),
        max_tokens=_max_tokens(root, positions, max_tokens),
        pad_id=pad_id,
    )


def fingerprint(folder: ModelFolder, precision: str, prefix: str) -> str:
    """`<folder>:<digest>` over weights, tokenizer, and all that shapes a vector beside them (1 to 2 s a GB)."""
    digest = hashlib.sha256()
    weights = [folder.safetensors] if folder.safetensors else _onnx_files(folder)
    for file in (*weights, folder.root / "tokenizer.json"):
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    shaping = (GRAPH_VERSION, sorted(folder.config.items(), key=str), folder.pooling, folder.max_tokens)
    digest.update(repr((*shaping, folder.pad_id, precision, prefix)).encode())
    return f"{folder.root.name}:{digest.hexdigest()[:16]}"


class FolderTokenizer:
    """The folder's tokenizer.json with its own special tokens, cut at the folder's limit, without padding."""

    def __init__(self, folder: ModelFolder, prefix: str) -> None:
        file = folder.root / "tokenizer.json"
        try:
            self._rust = Tokenizer.from_file(str(file))
        except Exception as error:  # the Rust side raises nothing narrower
            raise fault(file, "cannot be read") from error
        rows = folder.config.get("vocab_size")
        if isinstance(rows, int) and self._rust.get_vocab_size(with_added_tokens=True) > rows:
            raise fault(file, "has more tokens than config.json's vocab_size")
        self._rust.no_padding()
        self._rust.enable_truncation(folder.max_tokens)
        self._prefix = prefix

    def encode(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """Ids of each text, at least one a text."""
        given = [self._prefix + text for text in texts]
        return [encoding.ids for encoding in self._rust.encode_batch_fast(given)]


def _root(path: Path) -> tuple[Path, Path | None]:
    """The folder, and the .onnx file in it or None where there are only safetensors."""
    if path.suffix == ".onnx":
        if not path.is_file():
            raise fault(path, "is missing")
        above = path.parent.parent
        inside = path.parent.name == "onnx" and not (path.parent / "tokenizer.json").is_file()
        return (above if inside else path.parent), path
    if not path.is_dir():
        raise fault(path, "is no folder")
    found = [path / place for place in _ONNX_PLACES if (path / place).is_file()]
    if len(found) > 1:
        raise fault(path, f"has both {_ONNX_PLACES[0]} and {_ONNX_PLACES[1]}; give the path of one")
    if not found and not (path / "model.safetensors").is_file():
        raise fault(path, "has neither model.onnx, onnx/model.onnx nor model.safetensors")
    return path, found[0] if found else None


def _pooling(root: Path, hidden: int) -> Pooling:
    """What the modules of sentence-transformers say, or what 1_Pooling says without them."""
    directory: str | None = "1_Pooling" if (root / "1_Pooling").is_dir() else None
    listing = root / "modules.json"
    if listing.is_file():
        modules = {str(module["type"]).rsplit(".", 1)[-1]: module["path"] for module in _json(listing, list)}
        if unknown := modules.keys() - {"Transformer", "Pooling", "Normalize"}:
            raise fault(listing, f"has a module that is not supported: {sorted(unknown)[0]}")
        directory = modules.get("Pooling")
    if directory is None:
        return "mean"
    file = root / directory / "config.json"
    config = _json(file)
    if config.get("word_embedding_dimension", hidden) != hidden:
        raise fault(file, "word_embedding_dimension contradicts config.json's hidden_size")
    modes = {name for name, on in config.items() if name.startswith("pooling_mode_") and on}
    if modes == {"pooling_mode_mean_tokens"}:
        return "mean"
    if modes == {"pooling_mode_cls_token"}:
        return "cls"
    raise fault(file, "must choose either mean or cls pooling")


def _max_tokens(root: Path, positions: int, asked: int | None) -> int:
    if asked is not None:
        if not 1 <= asked <= positions:
            raise fault(root / "config.json", f"allows 1 to {positions} tokens; max_tokens is {asked}")
        return asked
    limits = [positions]
    for name, key in (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
    ):
        value = _json(root / name).get(key) if (root / name).is_file() else None
        if isinstance(value, int) and 0 < value < _UNSET_LENGTH:
            limits.append(value)
    return min(limits)


def _onnx_files(folder: ModelFolder) -> list[Path]:
    """The .onnx file and the files that hold its larger tensors."""
    assert folder.onnx is not None
    graph = onnx.load(folder.onnx, load_external_data=False).graph
    entries = (
        entry for tensor in graph.initializer for entry in tensor.external_data if entry.key == "location"
    )
    beside = sorted({entry.value for entry in entries})
    return [folder.onnx, *(folder.onnx.parent / name for name in beside)]


def _json(file: Path, kind: type = dict) -> Any:
    try:
        value = json.loads(file.read_bytes())
    except FileNotFoundError as error:
        raise fault(file, "is missing") from error
    except (OSError, ValueError) as error:
        raise fault(file, f"cannot be read ({type(error).__name__})") from error
    if not isinstance(value, kind):
        raise fault(file, "does not hold what it should")
    return value
