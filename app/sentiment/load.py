"""Load: the shipped head, for workers whose encoder is the one that it was made for."""

from functools import cache
from importlib.resources import files

import structlog

from models.errors import Fatal
from models.routing.sentiment import SentimentHead, from_bytes

_log = structlog.get_logger(__name__)

FILE = files("app.sentiment") / "head.npz"


@cache
def load_head() -> SentimentHead:
    """The head that is shipped.

    Raises:
        Fatal: its file is broken.
    """
    return from_bytes(FILE.read_bytes())


def head_for(encoder: str, wanted: bool = False) -> SentimentHead | None:
    """The shipped head; None, said in the log, where `encoder` is not the fingerprint that it was made for.

    Raises:
        Fatal: it is not, and the head is `wanted`: a rule asks how tickets sound.
    """
    head = load_head()
    if head.encoder == encoder:
        return head
    if wanted:
        raise Fatal(
            f"SLUICE_SENTIMENT_*: how upset a ticket sounds is not known with encoder {encoder}, only with"
            f" {head.encoder}: SLUICE_ENCODER=embedded with its own limit and no prefix, on cpu or cuda"
        )
    _log.warning("no_sentiment", encoder=encoder, made_for=head.encoder)
    return None
