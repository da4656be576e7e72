"""BERT and its kin (RoBERTa, XLM-R) as an ONNX graph, straight from a safetensors file.

Devlin et al., "BERT" (2019): embeddings of token, position and segment, then layers of self-attention and a
feed-forward part, each added to its input and layer-normed. Only the last hidden state is computed.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from models.engines.onnx_graph import Array, Graph

GRAPH_VERSION = 1

# Added to the score of a padded place: its weight after the softmax is exactly zero in float32.
_MASKED = -1e9


@dataclass(frozen=True, slots=True)
class BertShape:
    """What the weights alone do not say.

    Attributes:
        first_position: row of the position table that the first token takes (RoBERTa: the padding id and one).
        epsilon: of the layer norms.
    """

    layers: int
    heads: int
    hidden: int
    first_position: int
    epsilon: float


Read = Callable[[str], Array]
"""A tensor by its name without the model's own prefix, as float32."""


def build(read: Read, shape: BertShape) -> tuple[bytes, dict[str, Array]]:
    """The model and its weights by name, for `onnx_session.open_session`.

    Inputs `input_ids` and `attention_mask`, [B, L] int64; output `last_hidden_state` [B, L, hidden] float32.
    """
    graph = Graph()
    ids = graph.input("input_ids", np.int64, "texts", "longest")
    mask = graph.input("attention_mask", np.int64, "texts", "longest")
    state = _embeddings(graph, read, shape, ids)
    free = graph.op("Cast", graph.op("Unsqueeze", mask, graph.ints(1, 2)), to=1)
    penalty = graph.op("Mul", graph.op("Sub", graph.scalar(1.0), free), graph.scalar(_MASKED))
    for number in range(shape.layers):
        layer = f"encoder.layer.{number}."
        attended = _attention(graph, read, shape, f"{layer}attention.", state, penalty)
        state = _residual(graph, read, shape, f"{layer}attention.output.", attended, state)
        widened = graph.op("Gelu", _dense(graph, read, f"{layer}intermediate.dense.", state))
        state = _residual(graph, read, shape, f"{layer}output.", widened, state)
    return graph.finish(state, "last_hidden_state", "texts", "longest", shape.hidden), graph.weights


def _embeddings(graph: Graph, read: Read, shape: BertShape, ids: str) -> str:
    """[B, L, hidden]. The segment is always the first, so its row is added to every position's."""
    segment = read("embeddings.token_type_embeddings.weight")[0]
    positions = read("embeddings.position_embeddings.weight")[shape.first_position :] + segment
    length = graph.op("Shape", ids, start=1, end=2)
    placed = graph.op("Slice", graph.weight(positions), graph.ints(0), length, graph.ints(0))
    words = graph.op("Gather", graph.weight(read("embeddings.word_embeddings.weight")), ids)
    return _norm(graph, read, shape, "embeddings.", graph.op("Add", words, placed))


def _attention(graph: Graph, read: Read, shape: BertShape, prefix: str, state: str, penalty: str) -> str:
    """[B, L, hidden]: query, key and value in one product, the query's part scaled by the root of a head's width."""
    width = shape.hidden // shape.heads
    scale = np.float32(1 / math.sqrt(width))
    parts = [(f"{prefix}self.{name}.", scale if name == "query" else 1) for name in ("query", "key", "value")]
    matrix = np.concatenate([read(f"{part}weight").T * factor for part, factor in parts], axis=1)
    bias = np.concatenate([read(f"{part}bias") * factor for part, factor in parts])
    joined = graph.op("Add", graph.op("MatMul", state, graph.weight(matrix)), graph.weight(bias))
    heads = [
        graph.op("Reshape", value, graph.ints(0, 0, shape.heads, width))
        for value in graph.op("Split", joined, outputs=3, axis=2, num_outputs=3)
    ]
    query, value = (graph.op("Transpose", heads[k], perm=[0, 2, 1, 3]) for k in (0, 2))
    key = graph.op("Transpose", heads[1], perm=[0, 2, 3, 1])
    scores = graph.op("Add", graph.op("MatMul", query, key), penalty)
    mixed = graph.op("MatMul", graph.op("Softmax", scores, axis=-1), value)
    return str(
        graph.op("Reshape", graph.op("Transpose", mixed, perm=[0, 2, 1, 3]), graph.ints(0, 0, shape.hidden))
    )


def _residual(graph: Graph, read: Read, shape: BertShape, prefix: str, value: str, state: str) -> str:
    added = graph.op("Add", _dense(graph, read, f"{prefix}dense.", value), state)
    return _norm(graph, read, shape, prefix, added)


def _dense(graph: Graph, read: Read, prefix: str, value: str) -> str:
    product = graph.op("MatMul", value, graph.weight(read(f"{prefix}weight").T))
    return str(graph.op("Add", product, graph.weight(read(f"{prefix}bias"))))


def _norm(graph: Graph, read: Read, shape: BertShape, prefix: str, value: str) -> str:
    gain, shift = (graph.weight(read(f"{prefix}LayerNorm.{name}")) for name in ("weight", "bias"))
    return str(graph.op("LayerNormalization", value, gain, shift, axis=-1, epsilon=shape.epsilon))
