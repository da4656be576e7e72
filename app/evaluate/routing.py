"""Routing on labelled rows, scored: one report of one or more rounds, with peers and few texts where asked for."""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from app.evaluate.parts import Parts, Round, few
from app.evaluate.peers import Task, measure_peers
from app.evaluate.rounds import Bench, Run, run_round, set_up
from app.evaluate.scores import NOBODY, OUTSIDE, Decided, confusions, join, per_class, routing_scores, share
from app.scratch import Told
from app.settings import Settings
from models.errors import Fatal
from models.routing.decide import Decision, Outcome
from models.routing.match import Candidate

# The outcome of a row whose text cannot be used.
_REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for beside the scores themselves.

    Attributes:
        target_error: share of wrong ones among the routed at which confidences are compared and peers cut.
        shots: texts a label to learn from, one more run each.
        peers: whether peers are measured on the same vectors.
        seed: of the draw where few texts are learnt from, and of the peers' folds.
    """

    target_error: float = 0.05
    shots: Sequence[int] = ()
    peers: bool = False
    seed: int = 7


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The report, and a line for each scored row, without its text."""

    report: dict[str, Any]
    rows: list[dict[str, Any]]


def evaluate_routing(parts: Parts, settings: Settings, wanted: Wanted, told: Told) -> Evaluated:
    """Learn from the train part, decide on the test part, score.

    Raises:
        Fatal: the encoder cannot be loaded, or a part holds nothing that can be used.
    """
    bench = set_up(parts, settings, told)
    told.step("learning and deciding")
    runs, decided, report = _scored(bench, parts.rounds, wanted)
    report["seconds"] = {step: round(spent, 2) for step, spent in bench.seconds.items()}
    if wanted.shots:
        report["few_shot"] = [_few_shot(bench, shots, wanted) for shots in wanted.shots]
    report |= _surroundings(bench, runs)
    report["per_class"] = per_class(decided, bench.labels)
    report["confusions"] = confusions(decided, bench.labels)
    report["target_error"] = wanted.target_error
    return Evaluated(report, [line for run in runs for line in _lines(bench, run)])


def make_folder(folder: Path) -> None:
    """The folder that a report is to go to; better made before the work than missed after it.

    Raises:
        Fatal: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Fatal(f"{folder}: cannot be made ({error.strerror})") from error


def write_routing(found: Evaluated, folder: Path) -> None:
    """`report.json` and `rows.jsonl` in a folder that is there.

    Raises:
        Fatal: they cannot be written.
    """
    try:
        report = json.dumps(found.report, ensure_ascii=False, indent=2) + "\n"
        (folder / "report.json").write_text(report, encoding="utf-8")
        lines = (json.dumps(line, ensure_ascii=False) + "\n" for line in found.rows)
        (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    except OSError as error:
        raise Fatal(f"{folder}: cannot be written ({error.strerror})") from error


def _scored(
    bench: Bench, rounds: Sequence[Round], wanted: Wanted
) -> tuple[list[Run], Decided, dict[str, Any]]:
    """The rounds run, what was decided in all of them, and its scores, with those of the peers if wanted."""
    runs = [run_round(bench, part) for part in rounds]
    decided = join([decided_of(run, bench) for run in runs])
    scores = {"learnt_from": sum(run.learnt for run in runs), **routing_scores(decided, wanted.target_error)}
    if wanted.peers:
        scores["peers"] = measure_peers([_task(bench, run, wanted) for run in runs], scores, bench.told.step)
    return runs, decided, scores


def _few_shot(bench: Bench, shots: int, wanted: Wanted) -> dict[str, Any]:
    """One place of the curve: the same rows scored, few texts a label learnt from."""
    bench.told.step(f"learning from {shots} texts a label")
    rounds = [few(part, bench.parts.train, shots, wanted.seed) for part in bench.parts.rounds]
    return {"shots": shots, **_scored(bench, rounds, wanted)[2]}


def _task(bench: Bench, run: Run, wanted: Wanted) -> Task:
    known, asked = bench.past.kept(run.part.history), bench.new.kept(run.part.scored)
    return Task(
        known=bench.past.vectors(known),
        owners=bench.past.owner[known],
        asked=bench.new.vectors(asked),
        answered=np.array([decision is not None for decision in run.decisions], dtype=bool),
        truth=bench.new.owner[run.part.scored],
        target_error=wanted.target_error,
        seed=wanted.seed,
    )


def first_choice(decision: Decision) -> Candidate | None:
    """The cluster that the ticket was given, else the first one with an owner that a person is shown."""
    candidates = (*([] if decision.cluster is None else [decision.cluster]), *decision.alternatives)
    return next((found for found in candidates if found.owner is not None), None)


def in_scope_score(decision: Decision) -> float:
    """How much the ticket looks like anybody's at all: how strongly the history answers, and how near it is."""
    return decision.scope


def decided_of(run: Run, bench: Bench) -> Decided:
    """What was decided in a round, beside its truth."""
    code: dict[str | None, int] = {label: number for number, label in enumerate(bench.labels)}
    first = [None if one is None else first_choice(one) for one in run.decisions]
    scope = [None if one is None else in_scope_score(one) for one in run.decisions]
    # A row without a decision is less like the history than all others.
    least = min((score for score in scope if score is not None), default=0.0) - 1.0
    return Decided(
        truth=bench.new.owner[run.part.scored],
        first=np.array([NOBODY if one is None else code[one.owner] for one in first], dtype=np.int64),
        routed=np.array([outcome == Outcome.ROUTE for outcome in _outcomes(run)], dtype=bool),
        confidence=np.array([0.0 if one is None else one.confidence for one in first], dtype=np.float64),
        in_scope=np.array([least if score is None else score for score in scope], dtype=np.float64),
    )


def _outcomes(run: Run) -> list[str]:
    return [_REFUSED if one is None else one.outcome.value for one in run.decisions]


def _surroundings(bench: Bench, runs: Sequence[Run]) -> dict[str, Any]:
    """What the scores hang on, and what became of the rows."""
    outcomes = [outcome for run in runs for outcome in _outcomes(run)]
    unlearnt: set[int] = set()
    for run in runs:
        known, asked = bench.past.owner[run.part.history], bench.new.owner[run.part.scored]
        unlearnt |= set(asked.tolist()) - set(known.tolist()) - {OUTSIDE}
    return {
        "by_outcome": dict(sorted(Counter(outcomes).items())),
        "triage_share": share(np.array([outcome == Outcome.TRIAGE for outcome in outcomes], dtype=bool)),
        "thresholds": [asdict(run.generation.thresholds) for run in runs],
        "encoder": bench.encoder.fingerprint,
        "parted_by": bench.parts.how,
        "labels": len(bench.labels),
        "labels_without_history": len(unlearnt),
        "oos_not_learnt_from": sum(len(run.part.outside) for run in runs),
        "bad_rows": len(bench.parts.bad_rows),
    }


def _lines(bench: Bench, run: Run) -> Iterator[dict[str, Any]]:
    for number, one in zip(run.part.scored.tolist(), run.decisions, strict=True):
        row, first = bench.parts.test[number], None if one is None else first_choice(one)
        yield {
            "id": row.id,
            "line": row.line,
            "label": row.label,
            "first": None if first is None else first.owner,
            "confidence": None if first is None else first.confidence,
            "outcome": _REFUSED if one is None else one.outcome.value,
            "reason": None if one is None else one.reason.value,
        }
