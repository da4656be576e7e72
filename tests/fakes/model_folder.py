"""A tiny Hugging Face folder with random weights, real in every file: what the folder engines read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from models.engines.bert_folder import bert_shape, tensors
from models.engines.bert_graph import build

HIDDEN, LAYERS, HEADS, WIDE, POSITIONS = 16, 2, 4, 32, 40
WORDS = (
    "card",
    "payment",
    "refund",
    "late",
    "login",
    "fails",
    "after",
    "update",
    "lost",
    "my",
    "the",
    "query",
)


def make_folder(root: Path, model_type: str = "bert", pooling: str | None = "mean") -> Path:
    """Write a folder with safetensors weights into `root`, which is made."""
    root.mkdir(parents=True)
    pad = 0 if model_type == "bert" else 1
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] if pad == 0 else ["[CLS]", "[PAD]", "[SEP]", "[UNK]"]
    vocabulary = {word: number for number, word in enumerate((*specials, *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    ends = [(name, vocabulary[name]) for name in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    tokenizer.save(str(root / "tokenizer.json"))
    write_json(
        root / "config.json",
        {
            "model_type": model_type,
            "hidden_size": HIDDEN,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": HEADS,
            "intermediate_size": WIDE,
            "max_position_embeddings": POSITIONS,
            "hidden_act": "gelu",
            "layer_norm_eps": 1e-5,
            "pad_token_id": pad,
            "vocab_size": len(vocabulary),
        },
    )
    if pooling:
        names = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}
        modes = {name: mode == pooling for mode, name in names.items()}
        (root / "1_Pooling").mkdir()
        write_json(root / "1_Pooling/config.json", {"word_embedding_dimension": HIDDEN, **modes})
    save_file(random_weights(len(vocabulary)), root / "model.safetensors")
    return root


def random_weights(words: int) -> dict[str, NDArray[np.float32]]:
    """Every tensor of a BERT of these sizes, from a fixed seed, large enough that attention is not flat."""
    rng = np.random.default_rng(7)

    def normal(*shape: int) -> NDArray[np.float32]:
        return rng.normal(0, 0.4, shape).astype(np.float32)

    tensors_ = {
        "embeddings.word_embeddings.weight": normal(words, HIDDEN),
        "embeddings.position_embeddings.weight": normal(POSITIONS, HIDDEN),
        "embeddings.token_type_embeddings.weight": normal(2, HIDDEN),
    }
    sizes = {
        "attention.self.query": (HIDDEN, HIDDEN),
        "attention.self.key": (HIDDEN, HIDDEN),
        "attention.self.value": (HIDDEN, HIDDEN),
        "attention.output.dense": (HIDDEN, HIDDEN),
        "intermediate.dense": (WIDE, HIDDEN),
        "output.dense": (HIDDEN, WIDE),
    }
    norms = ["embeddings.LayerNorm"]
    for layer in range(LAYERS):
        for name, (rows, columns) in sizes.items():
            tensors_[f"encoder.layer.{layer}.{name}.weight"] = normal(rows, columns)
            tensors_[f"encoder.layer.{layer}.{name}.bias"] = normal(rows)
        norms += [f"encoder.layer.{layer}.{part}.LayerNorm" for part in ("attention.output", "output")]
    for name in norms:
        tensors_[f"{name}.weight"] = 1 + normal(HIDDEN)
        tensors_[f"{name}.bias"] = normal(HIDDEN)
    return tensors_


def to_onnx(root: Path, target: str) -> Path:
    """Write the folder's graph, weights inside, as an .onnx file under `root`, and take the safetensors away."""
    import onnx
    from onnx import numpy_helper

    config = json.loads((root / "config.json").read_text())
    model_bytes, weights = build(
        tensors(root / "model.safetensors"), bert_shape(config, config["pad_token_id"])
    )
    model = onnx.load_from_string(model_bytes)
    for tensor in model.graph.initializer:
        if tensor.name in weights:
            tensor.CopyFrom(numpy_helper.from_array(weights[tensor.name], tensor.name))
    file = root / target
    file.parent.mkdir(exist_ok=True)
    onnx.save(model, str(file))
    (root / "model.safetensors").unlink()
    return file


def write_json(file: Path, value: Any) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(value))
