"""Load: the shipped head, for workers whose encoder is the one that it was made for."""

from functools import cache
from importlib.resources import files

import structlog

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


def head_for(encoder: str) -> SentimentHead | None:
    """The shipped head, or None, said in the log, where `encoder` is not the fingerprint that it was made for."""
    head = load_head()
    if head.encoder == encoder:
        return head
    _log.warning(
        "no_sentiment",
        encoder=encoder,
        made_for=head.encoder,
        remedy="SLUICE_ENCODER=embedded with its own limits",
    )
    return None
