"""Rounds: labelled rows learnt and decided on by the very steps of bootstrap and worker. After parts, before scores.

rows -> prepare (clean, encode) -> fit -> in force as published -> match -> decide
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from time import perf_counter

import numpy as np
from threadpoolctl import threadpool_limits

from agents.generations import Assembler, generation_records
from app.bootstrap import PastTicket, Prepared, fit, prepare, ways_of
from app.evaluate.parts import Parts, Round, Rows
from app.evaluate.scores import OUTSIDE, Codes
from app.files.events import new_ticket, past_ticket
from app.policies import clean_policy, confidence_policy, decide_policy, encoder_spec, pack_policy
from app.scratch import Told
from app.sentiment.load import head_for
from app.settings import Settings
from models.engines.encoders import load_encoder
from models.engines.vector_index import ExactIndex
from models.errors import BadGeneration, Fatal
from models.evidence import Searchable, searchable
from models.generation import Generation
from models.lexicon import join
from models.routing.corrections import no_corrections
from models.routing.decide import Decision, Facts, decide
from models.routing.encode import Encoder
from models.routing.match import match
from models.routing.sentiment import SentimentHead, sentiments
from models.vote import Vectors, VotePolicy
from schemas.ticket import TicketEvent

# All tickets are of one instant, so that a run can be repeated to the bit and nothing is decided by age.
_NOW_MS = 1_790_000_000_000


@dataclass(frozen=True, slots=True)
class Encoded:
    """The rows of one part.

    Attributes:
        prepared: the tickets of the rows that were not refused.
        place: [n] where each row stands among them, -1 where it was refused.
        owner: [n] its owner's number among the labels, or OUTSIDE.
    """

    prepared: Prepared
    place: Rows
    owner: Codes

    def kept(self, rows: Rows) -> Rows:
        """Those of the rows that were not refused."""
        return rows[self.place[rows] >= 0]

    def vectors(self, rows: Rows) -> Vectors:
        """The vectors [n, dim] of rows that were not refused."""
        return self.prepared.vectors[self.place[rows]]

    def only(self, rows: Rows) -> Prepared:
        """Rows that were not refused, by themselves."""
        places = self.place[rows].tolist()
        return replace(
            self.prepared,
            past=[self.prepared.past[place] for place in places],
            tickets=[self.prepared.tickets[place] for place in places],
            vectors=self.vectors(rows),
        )


@dataclass(frozen=True, slots=True)
class Bench:
    """Both parts encoded, and what all rounds share. `seconds` grows, by step."""

    parts: Parts
    settings: Settings
    encoder: Encoder
    labels: list[str]
    past: Encoded
    new: Encoded
    told: Told
    sentiment: SentimentHead | None
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, step: str) -> Iterator[None]:
        """Add what is done within to the seconds of a step."""
        started = perf_counter()
        yield
        self.seconds[step] = self.seconds.get(step, 0.0) + perf_counter() - started


@dataclass(frozen=True, slots=True)
class Learnt:
    """A generation under the id that it is published under, ready for search, and the tickets it was made of."""

    id: str
    ready: Searchable
    tickets: int

    @property
    def generation(self) -> Generation:
        return self.ready.generation


@dataclass(frozen=True, slots=True)
class Run:
    """A round done.

    Attributes:
        generation: what was learnt, from so many tickets as `learnt` says.
        decisions: those on its scored rows, in their order, None where a row was refused.
    """

    part: Round
    generation: Generation
    learnt: int
    decisions: list[Decision | None]


def set_up(parts: Parts, settings: Settings, told: Told) -> Bench:
    """Load the encoder and encode both parts.

    Raises:
        Fatal: the encoder cannot be loaded, or every row of a part is refused.
    """
    told.step("loading the encoder")
    encoder, labels = load_encoder(encoder_spec(settings)), parts.labels
    code: dict[str | None, int] = {label: number for number, label in enumerate(labels)} | {None: OUTSIDE}

    def encoded(events: Sequence[TicketEvent], owners: Sequence[str | None], what: str) -> Encoded:
        told.step(f"encoding {len(events)} tickets to {what}")
        tickets = [PastTicket(event) for event in events]
        prepared = prepare(tickets, encoder, clean_policy(settings), pack_policy(settings), told.progress)
        if not prepared.tickets:
            raise Fatal(f"no ticket to {what}: {', '.join(sorted(prepared.refused))}")
        place = np.full(len(events), -1, dtype=np.int64)
        place[[int(ticket.ticket_id) for ticket in prepared.tickets]] = np.arange(len(prepared.tickets))
        return Encoded(prepared, place, np.array([code[owner] for owner in owners], dtype=np.int64))

    started = perf_counter()
    past = encoded(
        [past_ticket(row, f"{number}", _NOW_MS) for number, row in enumerate(parts.train)],
        [row.label for row in parts.train],
        "learn from",
    )
    between = perf_counter()
    new = past
    if parts.test is not parts.train:
        new = encoded(
            [new_ticket(row, f"{number}", _NOW_MS) for number, row in enumerate(parts.test)],
            [row.label for row in parts.test],
            "decide on",
        )
    seconds = {"prepare_train": between - started, "prepare_test": perf_counter() - between}
    sentiment = head_for(encoder.fingerprint, settings.hears_sentiment)
    return Bench(parts, settings, encoder, labels, past, new, told, sentiment, seconds)


def run_round(bench: Bench, part: Round) -> Run:
    """Learn from the history of a round, and decide on its scored rows."""
    learnt = _learn(bench, part)
    with threadpool_limits(limits=1, user_api="blas"):  # as a worker has it
        answers = iter(_decide(bench, bench.new.kept(part.scored), learnt))
    decisions = [next(answers) if bench.new.place[row] >= 0 else None for row in part.scored.tolist()]
    return Run(part, learnt.generation, learnt.tickets, decisions)


def _learn(bench: Bench, part: Round) -> Learnt:
    """The generation of the round's history, by way of the records that it is published in.

    `part.outside`, tickets that are known to be nobody's, are no part of a history, and are not learnt from.
    """
    history = bench.past.only(bench.past.kept(part.history))
    with bench.timed("fit"):
        policy = confidence_policy(bench.settings)
        generation = fit(history, bench.encoder, [], _NOW_MS, policy, ways_of(bench.settings)).generation
    assembler = Assembler()
    with bench.timed("load"):
        found = [assembler.feed(key, value) for key, value in generation_records(generation)[1]][-1]
        if found is None:
            raise BadGeneration("generation: its records do not make it whole")
        return Learnt(found[0], searchable(found[1], ExactIndex), len(history.tickets))


def _decide(bench: Bench, asked: Rows, learnt: Learnt) -> list[Decision]:
    """Decisions on rows that were not refused, with a worker's policies, a batch of a worker's size at a time."""
    policy, vote, size = decide_policy(bench.settings), VotePolicy(), bench.settings.batch_records
    decisions: list[Decision] = []
    for at in range(0, len(asked), size):
        batch = bench.new.only(asked[at : at + size])
        with bench.timed("match"):
            queries = join(
                learnt.generation.lexicon, [ticket.text for ticket in batch.tickets], batch.vectors
            )
            matches = match(queries, learnt.ready, vote, no_corrections(learnt.generation.width))
        with bench.timed("decide"):
            heard = sentiments(bench.sentiment, batch.vectors)
            for found, ticket, sounds in zip(matches, batch.tickets, heard, strict=True):
                facts = Facts(ticket.ticket_id, ticket.version, ticket.priority, ticket.created_at_ms, sounds)
                decisions.append(decide(found, learnt.generation, facts, policy, generation_id=learnt.id))
    return decisions
