"""Heat maps inside decisions: a share of them is explained on the way. Between decide and emit on the routing path.

A heat map is nothing that a ticket waits for: where making one fails, the decisions go out without.
"""

from collections.abc import Mapping, Sequence

import structlog

from agents.intake import Accepted
from models.errors import SluiceError
from models.evidence import Searchable
from models.routing.decide import Decision
from models.routing.encode import Encoder
from models.routing.heat import Part, heat_alone, is_explained
from models.routing.match import Candidate
from models.routing.pack import PackPolicy

_log = structlog.get_logger(__name__)

Heat = tuple[Part, ...]


def heat_maps(
    accepted: Sequence[Accepted],
    decided: Sequence[Decision],
    share: float,
    encoder: Encoder,
    pack: PackPolicy,
    ready: Searchable,
) -> Mapping[int, Heat]:
    """The heat maps of a batch, by the places of their decisions in it.

    Args:
        share: of all decisions that are explained, 0 to 1.
    """
    places = [
        number
        for number, (event, decision) in enumerate(zip(accepted, decided, strict=True))
        if event.asks_for_decision and is_explained(decision.decision_id, share)
    ]
    if not places:
        return {}
    texts = [accepted[number].ticket.text for number in places]
    chosen = [towards(decided[number]) for number in places]
    try:
        return dict(zip(places, heat_alone(texts, chosen, encoder, pack, ready), strict=True))
    except SluiceError:
        raise
    except Exception as error:
        _log.error("heat_failed", tickets=len(places), error=type(error).__name__)
        return {}


def towards(decision: Decision) -> Candidate:
    """The candidate whose cluster a decision's heat map is about: the chosen one, or the nearest to it."""
    return decision.cluster or decision.alternatives[0]
