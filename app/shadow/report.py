"""The report on a candidate: of how many decisions, how many would have gone elsewhere, and who was right.

`tickets.shadow` says what differed, `tickets.insights` who really handled a ticket; both are read whole and added up.
"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from sys import intern
from typing import Any, NamedTuple

from agents.follower import Lookup
from agents.topics import TopicNames
from agents.wire import Record
from app.settings import Settings
from models.errors import Fatal
from models.learn.paired import mcnemar
from schemas.codec import decode
from schemas.contract import write_time
from schemas.decision import OutcomeName
from schemas.feedback import FeedbackKind
from schemas.insight import Insight
from schemas.shadow import ShadowDifference, ShadowTally
from schemas.unreadable import Unreadable

_ROUTE = OutcomeName.ROUTE

Pair = tuple[str, str, float | None]
"""The generation in force, the candidate, and the candidate's threshold where one is fixed."""


class Said(NamedTuple):
    """What is kept of a ticket's last difference: there may be very many."""

    live_owner: str | None
    shadow_owner: str | None
    live_routes: bool
    shadow_routes: bool


@dataclass(slots=True)
class Comparison:
    """One candidate beside one generation in force.

    Attributes:
        decisions, differing: by the tallies.
        told: differences that were read; `differing`, unless the topic has forgotten some.
        last: the last difference of each ticket.
    """

    decisions: int = 0
    differing: int = 0
    told: int = 0
    elsewhere: int = 0
    another_owner: int = 0
    another_cluster: int = 0
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)
    owners: Counter[tuple[str | None, str | None]] = field(default_factory=Counter)
    last: dict[str, Said] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None

    def tally(self, event: ShadowTally) -> None:
        self.decisions += event.decisions
        self.differing += event.differing
        self.first_at = min(self.first_at or event.decided_at, event.decided_at)
        self.last_at = max(self.last_at or event.decided_at, event.decided_at)

    def differ(self, event: ShadowDifference) -> None:
        live, shadow = event.live, event.shadow
        self.told += 1
        self.last[event.ticket_id] = Said(
            _one(live.owner), _one(shadow.owner), live.outcome is _ROUTE, shadow.outcome is _ROUTE
        )
        if live.outcome is not shadow.outcome:
            self.outcomes[live.outcome.value, shadow.outcome.value] += 1
        if live.owner != shadow.owner:
            self.owners[live.owner, shadow.owner] += 1
            self.another_owner += live.owner is not None and shadow.owner is not None
        if live.owner == shadow.owner and live.outcome is shadow.outcome:
            self.another_cluster += 1
        else:
            self.elsewhere += 1


class Ledger:
    """Comparisons, and who has each ticket that they are of; told of all differences before the first insight."""

    def __init__(self) -> None:
        self.comparisons: dict[Pair, Comparison] = {}
        self._owner: dict[str, str] = {}

    def on_shadow(self, record: Record) -> None:
        """One record of `tickets.shadow`."""
        if record.key() is None:
            tally = decode(ShadowTally, record.value())
            self._of(tally).tally(tally)
        else:
            difference = decode(ShadowDifference, record.value())
            self._of(difference).differ(difference)

    def on_insight(self, record: Record) -> None:
        """One record of `tickets.insights`: the last owner of a ticket is who handled it. Whom somebody called is not
        whose it is."""
        insight = decode(Insight, record.value())
        if insight.owner is None or insight.kind is FeedbackKind.ESCALATED:
            return
        if any(insight.ticket_id in found.last for found in self.comparisons.values()):
            self._owner[insight.ticket_id] = intern(insight.owner)

    def _of(self, event: ShadowTally | ShadowDifference) -> Comparison:
        pair = (event.generation_id, event.shadow_generation_id, event.shadow_route_at)
        return self.comparisons.setdefault(pair, Comparison())

    def report(self) -> list[dict[str, Any]]:
        """Each comparison in figures, the latest last."""
        known = [(pair, found) for pair, found in self.comparisons.items() if found.last_at is not None]
        known.sort(key=lambda item: (item[1].last_at, item[0][:2]))
        return [self._figures(pair, found) for pair, found in known]

    def _figures(self, pair: Pair, found: Comparison) -> dict[str, Any]:
        assert found.first_at is not None
        assert found.last_at is not None
        route = _ROUTE.value
        return {
            "generation": pair[0],
            "candidate": pair[1],
            "route_at": pair[2],
            "from": write_time(found.first_at),
            "to": write_time(found.last_at),
            "decisions": found.decisions,
            "differing": found.differing,
            "forgotten": max(0, found.differing - found.told),
            "elsewhere": found.elsewhere,
            "to_another_owner": found.another_owner,
            "automatic_to_person": sum(n for (live, _), n in found.outcomes.items() if live == route),
            "person_to_automatic": sum(n for (_, shadow), n in found.outcomes.items() if shadow == route),
            "to_another_cluster_only": found.another_cluster,
            "by_outcome": [
                {"in_force": live, "candidate": shadow, "decisions": count}
                for (live, shadow), count in found.outcomes.most_common()
            ],
            "by_owner": [
                {"in_force": live, "candidate": shadow, "decisions": count}
                for (live, shadow), count in found.owners.most_common()
            ],
            "handled": self._handled(found),
        }

    def _handled(self, found: Comparison) -> dict[str, Any]:
        """Who was right of the differing tickets that people have handled since: each ticket once, by its last
        difference."""
        judged = [
            (said, said.live_owner == owner, said.shadow_owner == owner)
            for ticket_id, said in found.last.items()
            if (owner := self._owner.get(ticket_id)) is not None
        ]
        right = Counter((live, shadow) for _, live, shadow in judged)
        only_live, only_shadow = right[True, False], right[False, True]
        gained = [shadow for said, _, shadow in judged if said.shadow_routes and not said.live_routes]
        lost = [live for said, live, _ in judged if said.live_routes and not said.shadow_routes]
        return {
            "tickets": len(judged),
            "both_right": right[True, True],
            "neither_right": right[False, False],
            "only_in_force_right": only_live,
            "only_candidate_right": only_shadow,
            "p_value": mcnemar(only_live, only_shadow),
            "newly_automatic": {"tickets": len(gained), "right": sum(gained)},
            "no_longer_automatic": {"tickets": len(lost), "right": sum(lost)},
        }


def _one(name: str | None) -> str | None:
    """The one copy of a name that very many tickets share."""
    return None if name is None else intern(name)


def read_report(settings: Settings, kafka: dict[str, Any]) -> list[dict[str, Any]]:
    """The report on what stands in the topics now.

    Raises:
        Fatal: another version of Sluice wrote there.
        Transient: a topic is missing, or no broker answers.
    """
    names, ledger, lookup = TopicNames(settings.topic_prefix), Ledger(), Lookup(kafka)
    for topic, handle in ((names.shadow, ledger.on_shadow), (names.insights, ledger.on_insight)):
        try:
            lookup.read(topic, range(lookup.count(topic)), handle)
        except Unreadable as error:
            raise Fatal(
                f"{topic}: a record cannot be read ({error.reason}): run the Sluice that wrote it"
            ) from None
    return ledger.report()
