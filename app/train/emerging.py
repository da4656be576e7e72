"""Train the weights of emerging problems, and say how good they are on what was held out.

python -m app.train.emerging DATA     DATA: the folder of banking77 and clinc150

Of the train parts alone: seven tenths of their texts are a history, twice, the rest comes in by days; and of CLINC150
all of them are, and its validation part comes in, whose texts are less like them. Each time ten other intents are
left out, twice, and one of them is planted each day, over four, eight or twenty-four hours, while some known ones
surge. Every handful of tickets that the pool judges is a row to learn from. Each source and draw is scored by the
weights that the others gave; the margin is what all of them bear. Takes half an hour; prints what belongs into
models/emerging/judge.py.
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
from models.emerging.judge import MEASURES, MOST_DEVIATIONS, Judge, Weights, log_odds, near
from models.emerging.pool import EmergingPolicy, TriagePool
from models.engines.vector_index import ExactIndex
from models.errors import Fatal
from models.evidence import searchable
from models.exact import Floats

FALSE_A_DAY = 0.6
"""Announcements a day of no new problem that are borne on average, where the weights were not learnt: one a day are not
to be exceeded on a stream that is harder than these."""

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

# Calls nothing new: every handful is noted.
_COUNT = len(MEASURES)
_NOTHING = Judge(Weights((0.0,) * _COUNT, (1.0,) * _COUNT, 0.0, (0.0,) * _COUNT), 0.0, float("inf"))

# A handful of texts of no problem stands for so many: the parts have a fifth of the chatter that a stream may have.
_OUTSIDE_WEIGHT = 5.0


# Standard output holds the result alone.
_TOLD = Told(lambda line: print(line, file=sys.stderr), lambda *_: None)  # noqa: T201


@dataclass(frozen=True, slots=True)
class Judged:
    """A handful: how many tickets of the planted label had come, its tickets, the shares of them of the label and of no
    problem, what was measured [9], and whether it may be news at all."""

    came: int
    tickets: tuple[str, ...]
    share: float
    outside: float
    found: Floats
    is_news: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """All handfuls of the days of one generation."""

    source: str
    days: list[list[Judged]]

    def rows(self) -> tuple[Floats, Floats, Floats]:
        """Measures [n, 9], 1 for a new problem and 0 for none, and how much each row counts; of those that are mixed
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
    came, outsiders = 0, day.of_none

    def note(tickets: Sequence[Newcomer], found: Floats, is_news: bool) -> None:
        ids = tuple(ticket.ticket_id for ticket in tickets)
        share, outside = (sum(one in kind for one in ids) / len(ids) for kind in (day.planted, outsiders))
        noted.append(Judged(came, ids, share, outside, found, is_news))

    pool = TriagePool(ready, EmergingPolicy(judge=_NOTHING), note)
    pool.settle_in(day.before)
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


@dataclass(frozen=True, slots=True)
class Weighed:
    """A day's handfuls with their log-odds, and the best of each newcomer's."""

    handfuls: list[tuple[Judged, float]]
    best: dict[str, float]


def _weighed(lesson: Lesson, weights: Weights) -> list[Weighed]:
    days = []
    for day in lesson.days:
        odds = log_odds(np.array([one.found for one in day]), weights).tolist() if day else []
        best: dict[str, float] = {}
        for one, is_at in zip(day, odds, strict=True):
            best[one.tickets[0]] = max(best.get(one.tickets[0], is_at), is_at)
        days.append(Weighed(list(zip(day, odds, strict=True)), best))
    return days


def _announced(day: Weighed, judge: Judge) -> tuple[int | None, int]:
    """With which ticket the planted label would be announced, and how many other groups; by what the others of the
    whole day come near, those before and after."""
    least = judge.least(np.array(list(day.best.values())))
    taken: set[str] = set()
    first, false = None, 0
    for one, is_at in day.handfuls:
        if is_at < least or not one.is_news:
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


def score(days: Sequence[Weighed], judge: Judge) -> dict[str, float]:
    """When the planted labels would have been announced, and how many other groups a day."""
    found = [_announced(day, judge) for day in days]
    at = [_PLANTING.planted + 1 if first is None else first for first, _ in found]
    return {
        "median_ticket": median(at),
        "before_8th": sum(one < 8 for one in at) / len(at),
        "announced": sum(one <= _PLANTING.planted for one in at) / len(at),
        "false_a_day": sum(false for _, false in found) / len(found),
    }


def judge_of(weights: Weights, held_out: Sequence[Sequence[Weighed]]) -> Judge:
    """The level that nine of ten days stay under, by weights that were not learnt from them, and the least margin at
    which they have FALSE_A_DAY false announcements a day, the mean of the sources."""
    levels = [near(np.array(list(day.best.values()))) for days in held_out for day in days if day.best]
    level = round(float(np.quantile(levels, 0.9)), 2) if levels else 0.0

    def false_a_day(margin: float) -> float:
        judge = Judge(weights, level, margin)
        return float(np.mean([score(days, judge)["false_a_day"] for days in held_out]))

    low, high = 0.0, 20.0
    for _ in range(20):
        middle = (low + high) / 2.0
        low, high = (middle, high) if false_a_day(middle) > FALSE_A_DAY else (low, middle)
    return Judge(weights, level, round(high, 2))


def train(data: Path) -> dict[str, Any]:
    """Weights, level, margin and figures.

    Raises:
        Fatal: the data is not there.
    """
    if not all((data / source).is_dir() for source, _, _ in _SOURCES):
        raise Fatal(f"{data}: {' and '.join(sorted({source for source, _, _ in _SOURCES}))} are needed")
    return figures([lesson_of(data, *source) for source in _SOURCES])


def figures(lessons: Sequence[Lesson]) -> dict[str, Any]:
    """Weights, level, margin and figures of lessons."""
    held_out = [
        _weighed(lesson, fit_weights([other.rows() for other in lessons if other is not lesson]))
        for lesson in lessons
    ]
    judge = judge_of(fit_weights([lesson.rows() for lesson in lessons]), held_out)
    named = list(zip([lesson.source for lesson in lessons], held_out, strict=True))
    return {
        "judge": asdict(judge),
        "held_out": [{"source": source, **score(days, judge)} for source, days in named],
        "learnt_from": [
            {"source": lesson.source, **score(_weighed(lesson, judge.weights), judge)} for lesson in lessons
        ],
    }


def main() -> None:
    """Print what was trained as JSON."""
    parser = argparse.ArgumentParser(description="Train the judge of emerging problems.")
    parser.add_argument("data", type=Path)
    print(json.dumps(train(parser.parse_args().data), indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
