"""Bootstrap: a history of tickets becomes the first generation, and its tickets the state that all start from."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from agents.follower import Lookup, count_partitions
from agents.generations import generation_records
from agents.home import Homes
from agents.intake import ticket_of, version_of
from agents.state import text_of
from agents.topics import TopicNames
from agents.wire import Output
from app.past_counts import PastCount, write_counts
from app.publisher import publisher, write
from app.settings import Settings
from app.teams import PlannedCluster
from models.engines.density import HDBSCAN
from models.engines.graph import GRAPH
from models.engines.vector_index import ExactIndex
from models.errors import Fatal, Invalid
from models.generation import Owner
from models.learn.confidence import ConfidencePolicy
from models.recluster.articles import Articles
from models.recluster.cluster import Ways
from models.recluster.describe import Description, with_descriptions
from models.recluster.first_generation import FirstGeneration, cluster_id, first_generation
from models.recluster.history import History
from models.recluster.problems import MakePolicy
from models.routing.clean import CleanPolicy, CleanTicket, Ticket, clean
from models.routing.encode import Encoder, encode
from models.routing.pack import PackPolicy
from models.vote import Vectors
from schemas.channels import event_type
from schemas.codec import encode as to_json
from schemas.contract import epoch_ms_of, time_of
from schemas.headers import event_headers
from schemas.state import TicketState, TicketStatus
from schemas.ticket import TicketEvent, TicketEventKind

_STATUS = {TicketEventKind.RESOLVED: TicketStatus.SOLVED, TicketEventKind.CLOSED: TicketStatus.CLOSED}

# Where no settings are at hand: the settings' own defaults.
_AS_SET = ConfidencePolicy()

# Encoded between two reports of progress, and written in one transaction.
_CHUNK = 512

Progress = Callable[[int, int], None]
"""Told how many of how many tickets are done."""


@dataclass(frozen=True, slots=True)
class PastTicket:
    """A ticket of the history.

    Attributes:
        problem: what people called it, if they did.
        dated: the history says when it was created; else the event's time is that of the reading.
    """

    event: TicketEvent
    problem: str | None = None
    dated: bool = True


@dataclass(frozen=True, slots=True)
class Prepared:
    """The history cleaned and encoded; row i of `vectors` [n, dim] belongs to tickets[i] and past[i].

    Attributes:
        refused: tickets that cannot be used, by reason.
    """

    past: list[PastTicket]
    tickets: list[CleanTicket]
    vectors: Vectors
    refused: dict[str, int]


def prepare(
    past: Sequence[PastTicket],
    encoder: Encoder,
    clean_policy: CleanPolicy,
    pack: PackPolicy,
    report: Progress,
) -> Prepared:
    """Clean and encode a history by the very steps that live tickets take."""
    kept: list[PastTicket] = []
    tickets: list[CleanTicket] = []
    refused: dict[str, int] = {}
    for item in past:
        try:
            ticket = clean(ticket_of(item.event, _version(item.event)[0]), clean_policy)
            if not ticket.text:
                raise Invalid("empty_text", "description", "a ticket of the history needs its text")
        except Invalid as error:
            refused[error.reason] = refused.get(error.reason, 0) + 1
            continue
        kept.append(item)
        tickets.append(ticket)
    vectors = np.empty((len(tickets), encoder.dim), dtype=np.float32)
    for start in range(0, len(tickets), _CHUNK):
        chunk = tickets[start : start + _CHUNK]
        vectors[start : start + len(chunk)] = encode(encoder, [ticket.text for ticket in chunk], pack)
        report(start + len(chunk), len(tickets))
    return Prepared(kept, tickets, vectors, refused)


def ways_of(settings: Settings) -> Ways:
    """How problems are found, by the settings."""
    return GRAPH if settings.clusterer == "graph" else HDBSCAN


def history_of(prepared: Prepared) -> History:
    """The history as its columns; labelled by `assigned_team` where a ticket has one."""
    labelled = any(item.problem is not None for item in prepared.past)
    return History(
        vectors=prepared.vectors,
        texts=[ticket.text for ticket in prepared.tickets],
        owners=[ticket.assigned_team for ticket in prepared.tickets],
        created_at_ms=np.array([ticket.created_at_ms for ticket in prepared.tickets], dtype=np.int64),
        problems=[item.problem for item in prepared.past] if labelled else None,
        ids=[ticket.ticket_id for ticket in prepared.tickets],
        products=[ticket.product for ticket in prepared.tickets],
        solved_by=[
            ticket.kb_article_id or "" if item.event.event in _STATUS else None
            for item, ticket in zip(prepared.past, prepared.tickets, strict=True)
        ],
    )


def fit(
    prepared: Prepared,
    encoder: Encoder,
    teams: Sequence[Owner],
    now_ms: int,
    confidence: ConfidencePolicy = _AS_SET,
    ways: Ways = GRAPH,
    described: Sequence[Description] = (),
    articles: Articles | None = None,
) -> FirstGeneration:
    """The first generation of a history, with clusters that are described beside it.

    Matrices are worked on one thread: the same history gives the same generation to the bit whatever the cores, and on
    cores that others use too, threads wait for each other (2,500 tickets at a load of 14 on 2 cores: 31 s instead of
    361).
    """
    policy = MakePolicy(confidence=confidence)
    with threadpool_limits(limits=1, user_api="blas"):
        made = first_generation(
            history_of(prepared),
            encoder=encoder.fingerprint,
            teams=teams,
            now_ms=now_ms,
            ways=ways,
            build=ExactIndex,
            policy=policy,
            articles=articles,
        )
    return replace(made, generation=with_descriptions(made.generation, described, policy.default_sla_minutes))


def describe(
    planned: Sequence[PlannedCluster], encoder: Encoder, clean_policy: CleanPolicy, pack: PackPolicy
) -> list[Description]:
    """Clusters that have no tickets yet, by the very steps that live tickets take.

    Raises:
        Fatal: the words of one cannot be understood.
    """
    if not planned:
        return []
    cleaned: list[CleanTicket] = []
    for one in planned:
        try:
            words = Ticket("", "", TicketEventKind.CREATED, 0, 0, one.name, one.description)
            cleaned.append(clean(words, clean_policy))
        except Invalid as error:
            raise Fatal(f"cluster {one.name}: {error.detail}") from None
    vectors = encode(encoder, [ticket.text for ticket in cleaned], pack)
    rows = zip(planned, cleaned, vectors, strict=True)
    return [
        Description(cluster_id(one.team, one.name), words.title, one.team, words.text, vector)
        for one, words, vector in rows
    ]


def check_target(settings: Settings, kafka: dict[str, Any]) -> Homes:
    """See that the topics are there, before a history is encoded for minutes; where each ticket's state belongs.

    Raises:
        Transient: one is missing, or no broker answers.
    """
    names = TopicNames(settings.topic_prefix)
    counts = count_partitions(kafka, [names.state, names.counts, names.generations])
    return Homes(settings.partitioner, counts[names.state])


def publish(
    prepared: Prepared, first: FirstGeneration, settings: Settings, kafka: dict[str, Any], report: Progress
) -> str:
    """Write the history's state, then its counts, then the generation; each transaction whole or not at all.

    Running it again replaces what stands under the same keys, and counts nothing twice.

    Returns:
        The generation's id.

    Raises:
        Transient: the cluster does not take it.
    """
    names, homes = TopicNames(settings.topic_prefix), check_target(settings, kafka)
    name, records = generation_records(first.generation)
    with publisher(settings, kafka) as producer, closing(Lookup(kafka)) as lookup:
        states, done = _states(prepared, first, name), 0
        while chunk := list(islice(states, _CHUNK)):
            write(producer, [state_record(state, names.state, homes) for state in chunk])
            done += len(chunk)
            report(done, len(prepared.tickets))
        now_ms = time.time_ns() // 1_000_000
        write_counts(producer, lookup, _counts(prepared, first), name, names.counts, now_ms)
        write(producer, [Output(names.generations, key, value, ()) for key, value in records])
    return name


def state_record(state: TicketState, topic: str, homes: Homes) -> Output:
    """The state of a past ticket, for the partition that its events would stand in."""
    headers = event_headers(
        event_type(TicketState),
        f"{state.ticket_id}/{state.version}",
        "/sluice/bootstrap",
        state.ticket_id,
        state.updated_at,
        None,
    )
    return Output(topic, state.ticket_id.encode(), to_json(state), headers, homes.of(state.ticket_id))


def _states(prepared: Prepared, first: FirstGeneration, generation_id: str) -> Iterator[TicketState]:
    now_ms = time.time_ns() // 1_000_000
    clusters = first.generation.clusters
    rows = zip(prepared.past, prepared.tickets, prepared.vectors, first.assignment.tolist(), strict=True)
    for item, ticket, vector, row in rows:
        cluster = clusters[row] if row >= 0 else None
        yield TicketState(
            ticket_id=ticket.ticket_id,
            version=ticket.version,
            order=_version(item.event)[1],
            status=_STATUS.get(item.event.event, TicketStatus.OPEN),
            title=ticket.title,
            text=ticket.text,
            vector=text_of(vector),
            encoder=first.generation.encoder,
            cluster_id=cluster.id if cluster else None,
            owner=cluster.owner if cluster else None,
            assigned_team=ticket.assigned_team,
            resolution=ticket.resolution,
            kb_article_id=ticket.kb_article_id,
            customer_id=ticket.customer_id,
            product=ticket.product,
            generation_id=generation_id,
            counted=item.dated and cluster is not None,
            created_at=time_of(ticket.created_at_ms),
            updated_at=time_of(now_ms),
        )


def _counts(prepared: Prepared, first: FirstGeneration) -> Iterator[PastCount]:
    """The tickets of which it is known when they came and what they are about; their states say so."""
    rows = zip(prepared.past, prepared.tickets, first.assignment.tolist(), strict=True)
    for item, ticket, row in rows:
        if item.dated and row >= 0:
            cluster_id = first.generation.clusters[row].id
            yield PastCount(
                ticket.created_at_ms, ticket.ticket_id, cluster_id, ticket.customer_id, ticket.product
            )


def _version(event: TicketEvent) -> tuple[str, int]:
    """As the worker names and ranks it; an event of the history was published when its ticket was created."""
    return version_of(event, epoch_ms_of(event.created_at))
