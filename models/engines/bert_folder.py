"""What a folder must hold for its encoder to be built from weights alone: a BERT kind of config, and the tensors."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from models.engines.bert_graph import BertShape, Read
from models.engines.faults import fault

_BERT_KIN = ("bert", "roberta", "xlm-roberta")
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta", "camembert")


def check_bert(root: Path, config: Mapping[str, Any]) -> None:
    """Raise Fatal where the architecture is not one that `bert_graph` builds."""
    file = root / "config.json"
    if config.get("model_type") not in _BERT_KIN:
        raise fault(
            file, f"model_type is not one of {', '.join(_BERT_KIN)}, and the folder has no .onnx file"
        )
    needed = {"hidden_act": "gelu", "position_embedding_type": "absolute"}
    for name, value in needed.items():
        if config.get(name, value) != value:
            raise fault(file, f"{name} is not {value!r}, and the folder has no .onnx file")
    heads, layers = config.get("num_attention_heads"), config.get("num_hidden_layers")
    if not isinstance(heads, int) or not isinstance(layers, int) or config["hidden_size"] % heads:
        raise fault(file, "num_attention_heads or num_hidden_layers is missing or does not fit hidden_size")


def bert_shape(config: Mapping[str, Any], pad_id: int) -> BertShape:
    """What `bert_graph.build` must know beside the weights, from a config.json that `check_bert` let pass."""
    return BertShape(
        layers=config["num_hidden_layers"],
        heads=config["num_attention_heads"],
        hidden=config["hidden_size"],
        first_position=pad_id + 1 if config["model_type"] in POSITIONS_AFTER_PADDING else 0,
        epsilon=config.get("layer_norm_eps", 1e-12),
    )


def tensors(file: Path) -> Read:
    """A reader of a safetensors file by name, float32, whatever prefix the whole model has there.

    Raises:
        Fatal: the file cannot be read, or (when reading) lacks a tensor.
    """
    try:
        archive: Any = safe_open(str(file), framework="numpy")
        names = set(archive.keys())
    except (OSError, SafetensorError) as error:
        raise fault(file, f"cannot be read ({type(error).__name__})") from error
    last = "embeddings.word_embeddings.weight"
    prefix = next((name.removesuffix(last) for name in sorted(names) if name.endswith(last)), "")

    def read(name: str) -> Any:
        if prefix + name not in names:
            raise fault(file, f"lacks {name}")
        return archive.get_tensor(prefix + name).astype("float32", copy=False)

    return read
