"""Clusters known by a description alone: labels are left out of the history, described, and asked for.

Prints a line of figures for each data set; asserts no time. What was chosen was chosen on the `dev` labels of
`descriptions.toml`; the floors here are held on the `check` labels, of which nothing was looked at before.
"""

import gzip
import json
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from app.bootstrap import describe
from app.demo.history import SampleTicket, generate
from app.teams import PlannedCluster
from models.engines.encoders import EncoderSpec, load_encoder
from models.engines.graph import GRAPH
from models.engines.vector_index import ExactIndex
from models.evidence import Searchable, searchable
from models.generation import Generation
from models.lexicon import join
from models.recluster.describe import Description, with_descriptions
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.problems import MakePolicy
from models.routing.clean import CleanPolicy
from models.routing.corrections import no_corrections
from models.routing.decide import DecidePolicy, Decision, Facts, Outcome, decide
from models.routing.encode import Encoder, encode
from models.routing.match import match
from models.routing.pack import PackPolicy
from models.vote import Vectors
from tests.fakes.history import NOW_MS

pytestmark = pytest.mark.bench

_DATA = (Path(__file__).resolve().parents[2] / "../shared/data").resolve()
_TOLD = tomllib.loads((Path(__file__).parent / "descriptions.toml").read_text(encoding="utf-8"))
_SLA = 480
_OOS = "oos"


@dataclass(frozen=True, slots=True)
class Asked:
    """Texts to learn from with their owners, texts to ask with the problem and the owner that are right, None for
    nobody's, and the clusters that are described, by problem."""

    past: list[tuple[str, str]]
    asked: list[tuple[str, str | None, str | None]]
    planned: dict[str, PlannedCluster]


def _public(name: str, part: str) -> Asked:
    content = gzip.decompress((_DATA / name / "data.jsonl.gz").read_bytes())
    rows = [json.loads(line) for line in content.splitlines()]
    planned = {label: PlannedCluster(**told, team=label) for label, told in _TOLD[name][part].items()}
    labels = [(row["text"], None if row["label"] == _OOS else row["label"], row["split"]) for row in rows]
    return Asked(
        [
            (text, label)
            for text, label, split in labels
            if split == "train" and label and label not in planned
        ],
        [(text, label, label) for text, label, split in labels if split == "test"],
        planned,
    )


def _company() -> Asked:
    """The sample company, in Chinese and English; what is left out of the past is asked for too."""
    sample, told = generate(7, NOW_MS), _TOLD["company"]["check"]
    team = {one.problem: one.team for one in (*sample.past, *sample.replay) if one.problem and one.team}
    out = [one for one in sample.past if one.problem in told]
    alarm = ("智能门锁离线告警", "lock-offline-alarm-321", team["lock-offline-alarm-321"])
    return Asked(
        [(_text(one), one.team) for one in sample.past if one.problem not in told and one.team],
        [*((_text(one), one.problem, one.team) for one in (*sample.replay, *out)), alarm],
        {label: PlannedCluster(**words, team=team[label] or "") for label, words in told.items()},
    )


def _text(ticket: SampleTicket) -> str:
    return f"{ticket.event.title}\n{ticket.event.description}".strip()


def _learnt(asked: Asked, encoder: Encoder) -> Generation:
    texts = [text for text, _ in asked.past]
    return first_generation(
        History(
            vectors=encode(encoder, texts, PackPolicy()),
            texts=texts,
            owners=[owner for _, owner in asked.past],
            created_at_ms=np.zeros(len(texts), dtype=np.int64),
        ),
        encoder=encoder.fingerprint,
        teams=(),
        now_ms=0,
        ways=GRAPH,
        build=ExactIndex,
        policy=MakePolicy(),
    ).generation


def _decided(ready: Searchable, texts: Sequence[str], vectors: Vectors) -> list[Decision]:
    generation = ready.generation
    queries = join(generation.lexicon, texts, vectors)
    found = match(queries, ready, MakePolicy().vote, no_corrections(generation.width))
    return [
        decide(one, generation, Facts(str(row), "1", None, 0), DecidePolicy(), generation_id="g")
        for row, one in enumerate(found)
    ]


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of what was asked.

    Attributes:
        found, routed: of the tickets of described problems, those that were matched with their cluster, and those that
            were routed to it; `team` of them were routed to the right team, by whatever cluster.
        precision: right among those routed to a described cluster; `precision_known` without what is nobody's.
        before, after: owner accuracy of the other tickets without and with the descriptions; kept_before, kept_after:
            those of them that were routed to the right team.
        misrouted_before, misrouted_after: tickets of described problems that were routed to a wrong team.
    """

    found: float
    routed: float
    team: float
    precision: float
    precision_known: float
    before: float
    after: float
    kept_before: float
    kept_after: float
    misrouted_before: float
    misrouted_after: float


def _measured(asked: Asked) -> Figures:
    encoder = load_encoder(EncoderSpec())
    generation = _learnt(asked, encoder)
    told = describe(list(asked.planned.values()), encoder, CleanPolicy(), PackPolicy())
    problem_of = {one.id: label for one, label in zip(told, asked.planned, strict=True)}
    texts = [text for text, _, _ in asked.asked]
    vectors = encode(encoder, texts, PackPolicy())
    before = _decided(searchable(generation, ExactIndex), texts, vectors)
    after = _decided(_amended(generation, told), texts, vectors)
    own = np.array([problem in asked.planned for _, problem, _ in asked.asked])
    known = np.array([owner is not None for _, _, owner in asked.asked])
    owners = [owner for _, _, owner in asked.asked]
    routed = np.array([one.outcome is Outcome.ROUTE for one in after])
    routed_before = np.array([one.outcome is Outcome.ROUTE for one in before])
    chosen = [problem_of.get(one.cluster.cluster.id) if one.cluster else None for one in after]
    to_described = np.array([one is not None for one in chosen])
    right = np.array([problem == row[1] for problem, row in zip(chosen, asked.asked, strict=True)]) & own
    rest, led = known & ~own, [list(_right(found, owners)) for found in (before, after)]
    team_before, team = (np.array([one.owner for one in found]) == owners for found in (before, after))
    shares = {
        "found": right[own].mean(),
        "routed": (right & routed)[own].mean(),
        "team": (team & routed)[own].mean(),
        "precision": right[routed & to_described].mean(),
        "precision_known": right[routed & to_described & known].mean(),
        "before": np.array(led[0])[rest].mean(),
        "after": np.array(led[1])[rest].mean(),
        "kept_before": (routed_before & team_before)[rest].mean(),
        "kept_after": (routed & team)[rest].mean(),
        "misrouted_before": (routed_before & ~team_before)[own].mean(),
        "misrouted_after": (routed & ~team)[own].mean(),
    }
    return Figures(**{name: round(float(value), 4) for name, value in shares.items()})


def _amended(generation: Generation, told: Sequence[Description]) -> Searchable:
    return searchable(with_descriptions(generation, told, _SLA), ExactIndex)


def _right(decided: Sequence[Decision], owners: Sequence[str | None]) -> Iterator[bool]:
    """Whether the owner is right, or for a ticket in triage that of its first alternative."""
    for one, owner in zip(decided, owners, strict=True):
        said = one.owner if one.owner is not None or not one.alternatives else one.alternatives[0].owner
        yield said == owner


@pytest.mark.skipif(not _DATA.exists(), reason="the data sets are not beside the repository")
@pytest.mark.parametrize(
    ("name", "part", "found", "precision"),
    [
        pytest.param("banking77", "dev", 0.35, 0.95, id="banking77-dev"),
        pytest.param("banking77", "check", 0.2, 0.95, id="banking77-check"),
        pytest.param("clinc150", "dev", 0.7, 0.95, id="clinc150-dev"),
        pytest.param("clinc150", "check", 0.5, 0.95, id="clinc150-check"),
    ],
)
def test_intents_that_are_only_described(
    name: str, part: str, found: float, precision: float, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = _measured(_public(name, part))
    with capsys.disabled():
        print(f"\n{name} {part}: {figures}")  # noqa: T201
    assert figures.found >= found
    assert figures.precision_known >= precision
    assert figures.after >= figures.before - 0.005
    assert figures.misrouted_after < figures.misrouted_before


def test_problems_of_the_sample_company_that_are_only_described(capsys: pytest.CaptureFixture[str]) -> None:
    figures = _measured(_company())
    with capsys.disabled():
        print(f"\nsample company: {figures}")  # noqa: T201
    assert figures.found >= 0.5
    assert figures.precision_known >= 0.95
    assert figures.kept_after >= figures.kept_before - 0.05
