"""A sentiment head without training: how upset a text is stands in one component of its vector."""

import numpy as np
from numpy.typing import NDArray

from models.routing.sentiment import SentimentHead


def head(encoder: str = "e:1", dim: int = 4, gain: float = 8.0, bias: float = 0.0) -> SentimentHead:
    """A head whose logit is `gain` times the first component, where that is positive, plus `bias`; its bands begin at
    0.6 and 0.9."""
    hidden = np.zeros((dim, 2))
    hidden[0, 0] = 1.0
    return SentimentHead(
        hidden=hidden,
        hidden_bias=np.zeros(2),
        output=np.array([gain, 0.0]),
        bias=np.array([bias]),
        upset_at=0.6,
        very_upset_at=0.9,
        encoder=encoder,
    )


def random_head(seed: int, dim: int = 512, units: int = 64, encoder: str = "e:1") -> SentimentHead:
    """A head of the shipped one's shape with random weights."""
    chance = np.random.default_rng(seed)

    def drawn(*shape: int) -> NDArray[np.float64]:
        return chance.standard_normal(shape)

    return SentimentHead(drawn(dim, units), drawn(units), drawn(units), drawn(1), 0.5, 0.8, encoder)
