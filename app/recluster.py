"""Recluster: the tickets of `tickets.state` become the generation after the one in force.

state and knowledge, read to their ends -> those that count -> next_generation -> gate -> published in one transaction
"""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import Any

from threadpoolctl import threadpool_limits

from agents.emerging import surge_record
from agents.follower import Lookup
from agents.generations import generation_records
from agents.topics import TopicNames
from agents.wire import Output
from app.all_states import States, known_of
from app.bootstrap import ways_of
from app.emerging import read_emerging, settled, verdict_of
from app.knowledge import encoded, read_topic
from app.policies import confidence_policy, encoder_spec
from app.published import read_in_force, read_published
from app.publisher import publisher, write
from app.scratch import Told
from app.settings import Settings
from app.word import read_word
from models.engines.encoders import load_encoder
from models.engines.vector_index import ExactIndex
from models.errors import BadGeneration, Fatal
from models.generation import Generation, NamedBy, same_but_for_time
from models.recluster.next_generation import NextGeneration, NextPolicy, next_generation
from models.recluster.problems import MakePolicy
from schemas.contract import epoch_ms_of
from schemas.knowledge import Article
from schemas.surge import Surge

_SOURCE = "/sluice/recluster"

# Generations that stay in their topic, the one in force among them: decisions of older ones can no longer be made
# again, and a worker that starts has not to read a year of them.
_KEPT = 10


@dataclass(frozen=True, slots=True)
class Reclustered:
    """What came of it.

    Attributes:
        refusal: why it must not be published; None where it may.
        unchanged: it is the last one but for its time: to publish it would give workers nothing but work, and take the
            place of one whose decisions can be made again.
        tickets: read, of which so many `used`; others were left out for these reasons.
        articles: of the knowledge base that clusters could be named by.
        emerging: problems that were announced since the last generation, which this one confirms or drops.
    """

    last: str
    made: NextGeneration
    refusal: str | None
    tickets: int
    used: int
    left_out: dict[str, int]
    articles: int = 0
    unchanged: bool = False
    emerging: Sequence[Surge] = ()

    def report(self) -> dict[str, Any]:
        """What is told of it, without a ticket's text."""
        return {
            "last": self.last,
            "tickets": self.tickets,
            "used": self.used,
            "left_out": self.left_out,
            "clusters": len(self.made.generation.clusters),
            "kept": self.made.kept,
            "articles": self.articles,
            "named_by": {
                way.value: sum(cluster.named is way for cluster in self.made.generation.clusters)
                for way in NamedBy
            },
            "events": [asdict(event) for event in self.made.events],
            "moved": round(self.made.moved, 4),
            "refusal": self.refusal,
            "unchanged": self.unchanged,
            "emerging": {
                surge.cluster.id: verdict_of(surge, self.made.generation) for surge in self.emerging
            },
            "thresholds": asdict(self.made.generation.thresholds),
        }


def recluster(
    settings: Settings,
    kafka: dict[str, Any],
    told: Told,
    articles: Mapping[str, Article] | None = None,
) -> Reclustered:
    """Read the state of all tickets up to its present end, and make the next generation. Nothing is written.

    Args:
        articles: of the knowledge base, by id, beside those of `tickets.knowledge` and before them.

    Raises:
        Fatal: there are articles, and the settings' encoder is not that of the generation in force.
        Transient: no broker answers, a topic is missing, or there is no generation yet.
        BadGeneration: no ticket can be used.
    """
    names, lookup = TopicNames(settings.topic_prefix), Lookup(kafka)
    try:
        told.step("reading the generation in force")
        there = read_published(lookup, names.generations)
        last_id, last = read_in_force(lookup, names.generations, there)
        told.step("reading what people said of clusters")
        word = read_word(lookup, names, last)
        told.step("reading the state of all tickets")
        examples = {one for split in word.splits for those in split.examples for one in those}
        states = States(last, settings.recluster_tickets, examples)
        lookup.read(names.state, range(lookup.count(names.state)), states.feed)
        told.step("reading the knowledge base")
        known = {**read_topic(lookup, names), **(articles or {})}
        emerging = read_emerging(lookup, names.surges)
    finally:
        lookup.close()
    chosen, left_out = states.chosen(), states.left_out()
    if not chosen:
        why = ", ".join(f"{why} {count}" for why, count in sorted(left_out.items())) or "it is empty"
        raise BadGeneration(f"generation: {names.state} holds no ticket that can be clustered ({why})")
    told.step(f"encoding {len(known)} articles")
    base = encoded(known, settings, lambda: load_encoder(encoder_spec(settings)), last.encoder)
    told.step(f"clustering {len(chosen)} tickets")
    with threadpool_limits(limits=1, user_api="blas"):
        made = next_generation(
            known_of(chosen, last_id, word, base, emerging),
            last,
            now_ms=max(last.created_at_ms + 1, *(epoch_ms_of(state.updated_at) for state in chosen)),
            ways=ways_of(settings),
            build=ExactIndex,
            policy=NextPolicy(make=MakePolicy(confidence=confidence_policy(settings))),
        )
    return Reclustered(
        last=last_id,
        made=made,
        refusal=refusal_of(made, settings.churn_budget),
        tickets=len(states),
        used=len(chosen),
        left_out=dict(sorted(left_out.items())),
        unchanged=same_but_for_time(made.generation, last),
        articles=len(base.ids),
        emerging=emerging,
    )


def publish_next(found: Reclustered, settings: Settings, kafka: dict[str, Any]) -> str:
    """Put the generation in force on every worker; its id.

    Raises:
        Fatal: another generation was put in force meanwhile.
        Transient: the cluster does not take it, or another one who publishes came after.
    """
    names, lookup = TopicNames(settings.topic_prefix), Lookup(kafka)
    name, records = generation_records(found.made.generation)
    # Whoever came before is fenced: only one can get beyond this.
    with publisher(settings, kafka) as producer:
        try:
            there = read_published(lookup, names.generations)
            now, _ = read_in_force(lookup, names.generations, there)
        finally:
            lookup.close()
        if now != found.last:
            raise Fatal(f"{now} was put in force while {found.last} was reclustered: do it again")
        old = [key for keys in list(there.live.values())[: 1 - _KEPT] for key in keys]
        gone = [Output(names.generations, key, None, ()) for key in old]
        ends = [settled(surge, found.made.generation, name) for surge in found.emerging]
        made = [Output(names.generations, key, value, ()) for key, value in records]
        write(producer, [*gone, *made, *(surge_record(surge, names.surges, _SOURCE) for surge in ends)])
    return name


def generation_in_force(settings: Settings, kafka: dict[str, Any]) -> tuple[str, Generation]:
    """The generation that workers decide by now, and its id.

    Raises:
        Transient: no broker answers, the topic is missing, or there is no generation yet.
    """
    topic = TopicNames(settings.topic_prefix).generations
    with closing(Lookup(kafka)) as lookup:
        return read_in_force(lookup, topic, read_published(lookup, topic))


def refusal_of(made: NextGeneration, budget: float) -> str | None:
    """Why a generation must not take the place of the last one, unless a person wants it."""
    if made.fallback is not None:
        return f"clustering {made.fallback.value}: k-means took its place"
    if made.moved > budget:
        return f"{made.moved:.1%} of the tickets would get another owner, and {budget:.1%} may"
    return None
