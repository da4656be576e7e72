"""The sample history: tickets of an invented company in Chinese and English, made by a seed.

python -m app.demo.history --seed 7 --out FOLDER      writes it for a person to look at, and for `sluice evaluate`
"""

import argparse
import gzip
import json
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.demo.personal import Secret, invent
from app.demo.problems import NEW_PROBLEM, SURGING_PROBLEM, Problem, load_owners, load_phrases, load_problems
from models.generation import Owner
from schemas.codec import encode
from schemas.contract import time_of
from schemas.ticket import Attachment, TicketEvent, TicketEventKind

_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000

PAST_TICKETS = 3_300
PAST_DAYS = 28
REPLAY_HOURS = 96
ORDINARY, SURGING, NEW, OFF_TOPIC = 540, 48, 26, 20
SURGE_HOURS, NEW_HOURS = 3, 2

_CHINESE_SHARE = 0.6
_PERSONAL_SHARE = 0.15

# Share of a day's tickets by the hour at which they come (UTC+8 office hours), and of a week's by the day.
_HOURS = (1, 1, 1, 1, 1, 2, 3, 5, 8, 10, 10, 9, 7, 8, 9, 9, 8, 7, 6, 6, 6, 5, 3, 2)
_DAYS = (10, 10, 9, 9, 9, 5, 4)


@dataclass(frozen=True, slots=True)
class SampleTicket:
    """A ticket event with its truth: the team that solves it and the problem, None where it is off topic."""

    event: TicketEvent
    team: str | None
    problem: str | None
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SampleHistory:
    """What the demo learns from, what it replays in order of time, and records that are no tickets."""

    past: tuple[SampleTicket, ...]
    replay: tuple[SampleTicket, ...]
    malformed: tuple[bytes, ...]
    teams: tuple[Owner, ...]


def generate(seed: int, now_ms: int) -> SampleHistory:
    """The sample for a seed, seen from the instant `now_ms`: the same arguments give the same bytes.

    The history ends where the replay begins, four days before `now_ms`; tickets come about as often in both. The replay
    uses wordings that the history does not; one known problem multiplies in its last three hours, and a problem never
    seen appears in its last two.
    """
    chance = random.Random(seed)
    known = [problem for problem in load_problems() if problem.id != NEW_PROBLEM]
    by_id = {problem.id: problem for problem in load_problems()}
    weights = [1 / (1 + rank) ** 0.4 for rank in range(len(known))]
    chance.shuffle(weights)
    write = Writer(chance)

    start = now_ms - REPLAY_HOURS * _HOUR_MS
    past = [
        write.past(problem, _working_hour(chance, start))
        for problem in chance.choices(known, weights, k=PAST_TICKETS)
    ]
    replay = [
        write.fresh(problem, start + chance.randrange(REPLAY_HOURS * _HOUR_MS))
        for problem in chance.choices(known, weights, k=ORDINARY)
    ]
    replay += [
        write.fresh(by_id[SURGING_PROBLEM], _lately(chance, now_ms, SURGE_HOURS)) for _ in range(SURGING)
    ]
    replay += [write.fresh(by_id[NEW_PROBLEM], _lately(chance, now_ms, NEW_HOURS)) for _ in range(NEW)]
    replay += [write.off_topic(start + chance.randrange(REPLAY_HOURS * _HOUR_MS)) for _ in range(OFF_TOPIC)]
    return SampleHistory(
        past=tuple(sorted(past, key=_by_time)),
        replay=tuple(sorted(replay, key=_by_time)),
        malformed=_MALFORMED,
        teams=load_owners(),
    )


_MALFORMED = (
    b"\xff\xfenot text",
    b'{"ticket_id": "broken-1", "event": "created"',
    b'{"schema_version": 9, "ticket_id": "broken-2", "event": "created", "created_at": 1790000000000}',
    b'{"ticket_id": "broken-3", "event": "created", "description": "no time"}',
    b'{"ticket_id": "broken-4", "event": "vanished", "created_at": 1790000000000, "description": "x"}',
    b'{"ticket_id": "broken-5", "event": "created", "created_at": 1790000000000, "description": " \\t "}',
    b'{"ticket_id": "broken-6", "ticket_id": "twice", "event": "created", "created_at": 1790000000000}',
)


class Writer:
    """Writes tickets as their senders would; keeps count, so that ids never repeat."""

    def __init__(self, chance: random.Random) -> None:
        self._chance, self._phrases, self._count = chance, load_phrases(), 0

    def past(self, problem: Problem, at_ms: int) -> SampleTicket:
        """A solved ticket of the history."""
        language = self._language()
        solved_ms = at_ms + self._chance.randrange(20, 2_880) * _MINUTE_MS
        return self._ticket(
            problem,
            language,
            problem.voices[language].heard,
            at_ms,
            event=TicketEventKind.RESOLVED,
            updated_at=time_of(solved_ms),
            assigned_team=problem.team,
            resolution=self._chance.choice(problem.resolutions),
            kb_article_id=problem.kb,
        )

    def fresh(self, problem: Problem, at_ms: int) -> SampleTicket:
        """A new ticket in a wording that the history does not have."""
        language = self._language()
        return self._ticket(
            problem, language, problem.voices[language].fresh, at_ms, event=TicketEventKind.CREATED
        )

    def off_topic(self, at_ms: int) -> SampleTicket:
        """A new ticket that no team can solve."""
        text = self._chance.choice(self._phrases["off_topic"]["texts"])
        event = TicketEvent(**self._head(at_ms), event=TicketEventKind.CREATED, description=text)
        return SampleTicket(event, None, None, ())

    def _ticket(
        self, problem: Problem, language: str, wordings: Sequence[str], at_ms: int, **fields: Any
    ) -> SampleTicket:
        chance = self._chance
        filled = {name: chance.choice(values) if values else "" for name, values in _pools(problem).items()}
        description, secrets = self._description(chance.choice(wordings), language, filled)
        titles = problem.voices[language].titles
        event = TicketEvent(
            **self._head(at_ms),
            **fields,
            title=chance.choice(titles) if titles and chance.random() < 0.7 else "",
            description=description,
            language=language,
            product=problem.product,
            device=(filled["device"] or None) if chance.random() < 0.6 else None,
            os=(filled["system"] or None) if chance.random() < 0.6 else None,
            app_version=(filled["version"] or None) if chance.random() < 0.4 else None,
            steps=list(problem.steps) if chance.random() < 0.1 else "",
            attachments=self._attachments(problem),
            priority=chance.choices(("low", "normal", "high", "urgent"), (10, 75, 13, 2))[0],
        )
        return SampleTicket(event, problem.team, problem.id, tuple(secret.written for secret in secrets))

    def _head(self, at_ms: int) -> dict[str, Any]:
        self._count += 1
        return {
            "ticket_id": f"T-{self._count:06}",
            "created_at": time_of(at_ms),
            "customer_id": f"C-{self._chance.randrange(1, 4_000):05}",
            "channel": self._chance.choice(("app", "web", "email", "phone", "chat")),
        }

    def _language(self) -> str:
        return "zh" if self._chance.random() < _CHINESE_SHARE else "en"

    def _attachments(self, problem: Problem) -> list[Attachment]:
        if not problem.ocr or self._chance.random() > 0.12:
            return []
        return [Attachment(ocr_text=self._chance.choice(problem.ocr))]

    def _description(self, wording: str, language: str, filled: dict[str, str]) -> tuple[str, list[Secret]]:
        """The wording with what people write around it."""
        chance, phrases = self._chance, self._phrases[language]
        secrets: list[Secret] = []
        parts = [chance.choice(phrases["openings"]) + wording]
        if filled["code"] and chance.random() < 0.15:
            parts.append(chance.choice(phrases["codes"]).format(**filled))
        if chance.random() < 0.6:
            context = chance.choice(phrases["contexts"])
            if all(filled[name] for name in _fields(context)):
                parts.append(context.format(**filled))
        if chance.random() < 0.5:
            parts += [chance.choice(phrases[kind]) for kind in ("since", "tried", "endings")]
        if chance.random() < _PERSONAL_SHARE:
            phrase = chance.choice(phrases["personal"])
            secrets = [invent(field, chance) for field in _fields(phrase)]
            sentence = phrase.format(**{secret.field: secret.written for secret in secrets})
            parts.insert(chance.randrange(1, len(parts) + 1), sentence)
        joined = ("" if language == "zh" else " ").join(part for part in parts if part)
        return self._sloppy(joined, secrets), secrets

    def _sloppy(self, text: str, secrets: Sequence[Secret]) -> str:
        """Now and then a slip of the finger or no punctuation; never inside personal data."""
        chance = self._chance
        if secrets or chance.random() > 0.2:
            return text
        if chance.random() < 0.5:
            return text.replace("，", " ").replace("。", " ").replace(",", "").rstrip()
        place = chance.randrange(1, len(text)) if len(text) > 8 else 0
        return text[:place] + text[place + 1 :] if place else text


def _pools(problem: Problem) -> dict[str, Sequence[str]]:
    return {
        "device": problem.devices,
        "system": problem.systems,
        "version": problem.versions,
        "product": (problem.product,),
        "code": problem.codes,
    }


def _fields(phrase: str) -> list[str]:
    return [part.partition("}")[0] for part in phrase.split("{")[1:]]


def _working_hour(chance: random.Random, end_ms: int) -> int:
    """An instant of the 28 days before `end_ms`, more likely at office hours and on weekdays."""
    while True:
        at_ms = end_ms - PAST_DAYS * _DAY_MS + chance.randrange(PAST_DAYS * _DAY_MS)
        local = at_ms + 8 * _HOUR_MS
        weekday = (local // _DAY_MS + 3) % 7  # 1970 began on a Thursday
        if chance.random() < _HOURS[local % _DAY_MS // _HOUR_MS] / 10 * _DAYS[weekday] / 10:
            return at_ms


def _lately(chance: random.Random, now_ms: int, hours: int) -> int:
    return now_ms - chance.randrange(hours * _HOUR_MS)


def _by_time(ticket: SampleTicket) -> tuple[datetime, str]:
    return ticket.event.created_at, ticket.event.ticket_id


def held_out(sample: SampleHistory, language: str) -> dict[str, list[dict[str, str]]]:
    """The sample's tickets of one language as labelled rows, for two questions that `sluice evaluate routing` answers.

    `by_wording`: known problems in wordings that were not learnt from, and off-topic tickets. `by_problem`: every
    fifth problem is not learnt from, only others of the same and of other teams, and the one of the replay that
    nobody has seen; its team stands as the label.
    """
    past = [ticket for ticket in sample.past if ticket.event.language == language]
    new = [ticket for ticket in sample.replay if ticket.event.language in {language, None}]
    apart = {problem.id for problem in load_problems()[::5]} | {NEW_PROBLEM}
    asked = [ticket for ticket in (*past, *new) if ticket.problem in apart]
    known = [ticket for ticket in past if ticket.problem not in apart]
    reworded = [ticket for ticket in new if ticket.problem != NEW_PROBLEM]
    return {
        "by_wording": [*_rows(past, "train"), *_rows(reworded, "test")],
        "by_problem": [*_rows(known, "train"), *_rows(asked, "test")],
    }


def _rows(tickets: Sequence[SampleTicket], split: str) -> list[dict[str, str]]:
    return [
        {
            "text": f"{ticket.event.title}\n{ticket.event.description}".strip(),
            "label": ticket.team or "oos",
            "split": split,
        }
        for ticket in tickets
    ]


def main() -> None:
    """Write `history.jsonl.gz` and `replay.jsonl.gz`, and `zh_by_wording.jsonl.gz` and others like it."""
    parser = argparse.ArgumentParser(
        prog="python -m app.demo.history", description="Write the sample history."
    )
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path, required=True)
    said = parser.parse_args()
    sample = generate(said.seed, time.time_ns() // 1_000_000)
    files = {
        name: [encode(ticket.event) for ticket in tickets]
        for name, tickets in (("history", sample.past), ("replay", sample.replay))
    }
    for language in ("zh", "en"):
        for name, rows in held_out(sample, language).items():
            files[f"{language}_{name}"] = [json.dumps(row, ensure_ascii=False).encode() for row in rows]
    said.out.mkdir(parents=True, exist_ok=True)
    for name, lines in files.items():
        with gzip.open(said.out / f"{name}.jsonl.gz", "wb") as sink:
            sink.writelines(line + b"\n" for line in lines)


if __name__ == "__main__":
    main()
