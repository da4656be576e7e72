"""Train the weights of emerging problems, and say how good they are on what was held out.

python -m app.train.emerging DATA     DATA: the folder of banking77 and clinc150

Of the train parts alone: seven tenths of their texts are a history, twice, the rest comes in by days; and of CLINC150
all of them are, and its validation part comes in, whose texts are less like them. Each time ten other intents are
left out, twice, and one of them is planted each day, over four, eight or twenty-four hours, while some known ones
surge. Every handful of tickets that the pool judges is a row to learn from. Each generation is scored by the weights
that the other sources and draws gave. Takes half an hour; prints what belongs into models/emerging/judge.py.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from app.evaluate.emerging import Day, Planting, planted_days
from app.evaluate.parts import Columns, Parts, Round, two_files
from app.evaluate.rounds import set_up
from app.scratch import Told
from app.settings import load_settings
from models.emerging.group import Newcomer
from models.emerging.judge import MOST_DEVIATIONS, Judge, Weights, log_odds
from models.emerging.pool import EmergingPolicy, TriagePool
from models.engines.vector_index import ExactIndex
from models.errors import Fatal
from models.evidence import searchable
from models.exact import Floats

FALSE_A_DAY = 0.5
"""Announcements a day of no new problem that are borne, where the weights were not learnt; judge.py asks for more."""

# The data set, the part that comes in, and the draw; where it is the train part, that is halved.
_SOURCES = (
    ("banking77", "train", 0),
    ("banking77", "train", 1),
    ("clinc150", "train", 0),
    ("clinc150", "train", 1),
    ("clinc150", "val", 0),
)
_PLANTING = Planting(days=20, left_out=10)
_HISTORY_SHARE = 0.7

# Hours over which a new problem comes in, day by day, and those that a known one may surge for.
_HOURS = (8, 24, 4)
_SURGE_HOURS = (2, 4, 8)
_SURGES = 8
_HOUR_MS = 3_600_000

# As strong as twenty rows.
_RIDGE = 0.05

# A handful of texts of no problem stands for so many: the parts have a fifth of the chatter that a stream may have.
_OUTSIDE_WEIGHT = 5.0


# Standard output holds the result alone.
_TOLD = Told(lambda line: print(line, file=sys.stderr), lambda *_: None)  # noqa: T201


@dataclass(frozen=True, slots=True)
class Judged:
    """A handful: how many tickets of the planted label had come, its tickets, the shares of them of the label and of no
    problem, and what was measured [10]."""

    came: int
    tickets: tuple[str, ...]
    share: float
    outside: float
    found: Floats


@dataclass(frozen=True, slots=True)
class Lesson:
    """All handfuls of the days of one generation."""

    source: str
    days: list[list[Judged]]

    def rows(self) -> tuple[Floats, Floats, Floats]:
        """Measures [n, 10], 1 for a new problem and 0 for none, and how much each row counts; of those that are mixed
        nothing is learnt."""
        clear = [one for day in self.days for one in day if one.share == 0.0 or one.share >= 0.8]
        return (
            np.array([one.found for one in clear]),
            np.array([float(one.share > 0.0) for one in clear]),
            np.array([_OUTSIDE_WEIGHT if one.outside > 0.5 else 1.0 for one in clear]),
        )


def lesson_of(data: Path, source: str, part: str, draw: int) -> Lesson:
    """All days of one source, on which it learns from other tickets than come in."""
    bench = set_up(_parts(data / source / "data.jsonl.gz", part, draw), load_settings(), _TOLD)
    judged: list[list[Judged]] = []
    for run, days in planted_days(bench, _PLANTING, _TOLD, seed=draw):
        ready = searchable(run.generation, ExactIndex)
        with threadpool_limits(limits=1, user_api="blas"):
            judged += [_judged(varied(day, len(judged) + number), ready) for number, day in enumerate(days)]
    return Lesson(source, judged)


def varied(day: Day, number: int) -> Day:
    """The day with its new problem over more or fewer hours, and tickets of some known ones, told by their owners,
    within few: what comes in a burst need not be new."""
    chance = np.random.default_rng(number)
    known = [ticket for ticket in day.newcomers if ticket.ticket_id not in day.planted]
    begin = min(ticket.at_ms for ticket in known)
    owners = chance.permutation(sorted({ticket.owner for ticket in known if ticket.owner is not None}))
    hours = {owner: int(chance.choice(_SURGE_HOURS)) for owner in owners[:_SURGES].tolist()}
    hours[""] = _HOURS[number % len(_HOURS)]
    starts = {owner: int(chance.integers(0, (24 - span) * _HOUR_MS + 1)) for owner, span in hours.items()}

    def moved(ticket: Newcomer) -> Newcomer:
        owner = "" if ticket.ticket_id in day.planted else ticket.owner
        if owner not in hours:
            return ticket
        at_ms = begin + starts[owner] + int(chance.integers(0, hours[owner] * _HOUR_MS))
        return replace(ticket, at_ms=at_ms)

    newcomers = sorted((moved(ticket) for ticket in day.newcomers), key=lambda ticket: ticket.at_ms)
    return replace(day, newcomers=newcomers)


def _judged(day: Day, ready: Any) -> list[Judged]:
    noted: list[Judged] = []
    came = 0

    def note(tickets: Sequence[Newcomer], found: Floats) -> None:
        ids = tuple(ticket.ticket_id for ticket in tickets)
        share, outside = (sum(one in kind for one in ids) / len(ids) for kind in (day.planted, day.outside))
        noted.append(Judged(came, ids, share, outside, found))

    pool = TriagePool(ready, EmergingPolicy(at=float("inf")), note)
    for ticket in day.newcomers:
        came += ticket.ticket_id in day.planted
        pool.take([ticket])
    return noted


def _parts(path: Path, part: str, draw: int) -> Parts:
    """What is learnt from and what comes in: the train part and another, or the train part in two."""
    whole = two_files(path, path, Columns(), "oos", ("train", part))
    if part != "train":
        return whole
    named = np.array([row.label is not None for row in whole.train])
    owned = np.random.default_rng(draw).permutation(np.flatnonzero(named))
    past = np.sort(owned[: round(_HISTORY_SHARE * len(owned))])
    new = np.setdiff1d(np.arange(len(whole.train)), past)
    return Parts(
        whole.train, whole.train, [Round(past, np.empty(0, dtype=np.int64), new)], "split", whole.bad_rows
    )


def fit_weights(lessons: Sequence[tuple[Floats, Floats, Floats]]) -> Weights:
    """Weights of a logistic regression with a ridge, on the measures in deviations from their means."""
    found, is_new, counts = (np.concatenate(one) for one in zip(*lessons, strict=True))
    means, deviations = found.mean(axis=0), found.std(axis=0)
    scaled = np.clip((found - means) / deviations, -MOST_DEVIATIONS, MOST_DEVIATIONS)
    fitted = LogisticRegression(C=_RIDGE, max_iter=5_000).fit(scaled, is_new, sample_weight=counts)

    def plain(values: Floats) -> tuple[float, ...]:
        return tuple(round(value, 4) for value in values.tolist())

    return Weights(
        plain(means), plain(deviations), round(float(fitted.intercept_[0]), 4), plain(fitted.coef_[0])
    )


def score(lesson: Lesson, judge: Judge) -> dict[str, float]:
    """When the planted labels would have been announced, and how many other groups a day."""
    at: list[int] = []
    false = 0
    for day in lesson.days:
        first, others = _announced(day, judge)
        at.append(_PLANTING.planted + 1 if first is None else first)
        false += others
    return {
        "median_ticket": median(at),
        "before_8th": sum(one < 8 for one in at) / len(at),
        "announced": sum(one <= _PLANTING.planted for one in at) / len(at),
        "false_a_day": false / len(lesson.days),
    }


def _announced(day: Sequence[Judged], judge: Judge) -> tuple[int | None, int]:
    if not day:
        return None, 0
    odds = log_odds(np.array([one.found for one in day]), judge.weights)
    taken: set[str] = set()
    first, false = None, 0
    for one, is_at in zip(day, odds.tolist(), strict=True):
        if is_at < judge.at:
            continue
        new = len(set(one.tickets) - taken)
        taken.update(one.tickets)
        if 2 * new <= len(one.tickets):
            continue
        if one.share >= 0.5:
            first = one.came if first is None else first
        else:
            false += 1
    return first, false


def threshold(held_out: Sequence[tuple[Lesson, Weights]]) -> float:
    """The lowest log-odds at which there are FALSE_A_DAY false announcements a day, over all days of generations that
    the weights were not learnt from."""

    def false_a_day(at: float) -> float:
        return float(
            np.mean([score(lesson, Judge(weights, at))["false_a_day"] for lesson, weights in held_out])
        )

    low, high = -10.0, 20.0
    for _ in range(20):
        middle = (low + high) / 2.0
        low, high = (middle, high) if false_a_day(middle) > FALSE_A_DAY else (low, middle)
    return round(high, 2)


def train(data: Path) -> dict[str, Any]:
    """Weights, threshold and figures.

    Raises:
        Fatal: the data is not there.
    """
    if not all((data / source).is_dir() for source, _, _ in _SOURCES):
        raise Fatal(f"{data}: {' and '.join(sorted({source for source, _, _ in _SOURCES}))} are needed")
    return figures([lesson_of(data, *source) for source in _SOURCES])


def figures(lessons: Sequence[Lesson]) -> dict[str, Any]:
    """Weights, threshold and figures of lessons."""
    held_out = [
        (lesson, fit_weights([other.rows() for other in lessons if other is not lesson]))
        for lesson in lessons
    ]
    at = threshold(held_out)
    weights = fit_weights([lesson.rows() for lesson in lessons])
    return {
        "weights": asdict(weights),
        "at": at,
        "held_out": [{"source": lesson.source, **score(lesson, Judge(of, at))} for lesson, of in held_out],
        "learnt_from": [{"source": lesson.source, **score(lesson, Judge(weights, at))} for lesson in lessons],
    }


def main() -> None:
    """Print what was trained as JSON."""
    parser = argparse.ArgumentParser(description="Train the weights and the threshold of emerging problems.")
    parser.add_argument("data", type=Path)
    print(json.dumps(train(parser.parse_args().data), indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
