"""Drift as it is measured on real texts: how far windows of a stream that has not changed stray by chance, and from
which share of others on the alarm is raised.

Prints a table; asserts no time.
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from app.demo.history import generate
from models.engines.density import HDBSCAN
from models.engines.encoders import EncoderSpec, load_encoder
from models.engines.vector_index import ExactIndex
from models.evidence import searchable
from models.generation import Generation
from models.lexicon import join
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.problems import MakePolicy
from models.routing.corrections import no_corrections
from models.routing.drift import DriftPolicy, Yardstick, parts_of, stability_index, yardsticks
from models.routing.encode import Encoder, encode
from models.routing.match import match
from models.routing.pack import PackPolicy
from models.vote import Rows, VotePolicy

pytestmark = pytest.mark.bench

_DATA = (Path(__file__).resolve().parents[2] / "../shared/data").resolve()
_WINDOWS = 1_000
_OTHERS = (0.1, 0.2, 0.3, 0.4)
_NOW_MS = 1_790_000_000_000


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder(EncoderSpec())


def labelled(name: str, count: int) -> list[tuple[str, str]]:
    """Texts of a data set with their labels, drawn with seed 0."""
    path = _DATA / name / "data.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{name} is not beside the repository")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    chosen = np.random.default_rng(0).permutation(len(rows))[:count]
    return [(rows[row]["text"], rows[row]["label"]) for row in chosen]


def company(chinese: bool) -> list[tuple[str, str]]:
    """Tickets of the demo's company in one language, with their teams, drawn with seed 0."""
    events = [item.event for item in generate(7, _NOW_MS).past]
    pairs = [(f"{event.title}\n{event.description}", event.assigned_team or "") for event in events]
    found = [pair for pair in pairs if any("一" <= letter <= "鿿" for letter in pair[0]) is chinese]
    return [found[row] for row in np.random.default_rng(0).permutation(len(found))]


def learnt(encoder: Encoder, past: list[tuple[str, str]]) -> Generation:
    texts = [text for text, _ in past]
    history = History(
        vectors=encode(encoder, texts, PackPolicy()),
        texts=texts,
        owners=[label for _, label in past],
        created_at_ms=np.arange(len(past)),
        problems=[label for _, label in past],
    )
    return first_generation(
        history,
        encoder=encoder.fingerprint,
        teams=(),
        now_ms=_NOW_MS,
        ways=HDBSCAN,
        build=ExactIndex,
        policy=MakePolicy(),
    ).generation


def parts(encoder: Encoder, made: Generation, texts: list[str]) -> Rows:
    """[k, measures] the part of each text that is no copy."""
    ready, found = searchable(made, ExactIndex), []
    for start in range(0, len(texts), 512):
        some = texts[start : start + 512]
        queries = join(made.lexicon, some, encode(encoder, some, PackPolicy()))
        found += match(queries, ready, VotePolicy(), no_corrections(made.width))
    return parts_of(found, made, yardsticks(made))


def indexes(
    own: Rows, others: Rows, share: float, size: int, count: int, sticks: tuple[Yardstick, ...]
) -> NDArray[np.float64]:
    """[count, measures] of windows of `size`, `share` of each drawn from the others."""
    chance, strange = np.random.default_rng(1), int(share * size)
    found = []
    for _ in range(count):
        window = np.concatenate(
            [
                own[chance.permutation(len(own))[: size - strange]],
                others[chance.permutation(len(others))[:strange]],
            ]
        )
        held = [
            np.bincount(column, minlength=len(s.shares)) for column, s in zip(window.T, sticks, strict=True)
        ]
        found.append([stability_index(counts, s.shares) for counts, s in zip(held, sticks, strict=True)])
    return np.array(found)


@pytest.mark.parametrize("case", ["banking77, others of clinc150", "a company in Chinese, others in English"])
def test_chance_raises_no_alarm_and_change_does(
    case: str, encoder: Encoder, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = DriftPolicy()
    if case.startswith("banking77"):
        known, strange, size = labelled("banking77", 6_000), labelled("clinc150", 2_000), 1_500
    else:
        known, strange, size = company(chinese=True), company(chinese=False), 1_100
    made = learnt(encoder, known[:size])
    own = parts(encoder, made, [text for text, _ in known[size:]])
    others = parts(encoder, made, [text for text, _ in strange])
    sticks = yardsticks(made)
    assert len(sticks) >= 2
    lines = []
    for window in (policy.least, policy.window):
        still = indexes(own, others, 0.0, window, _WINDOWS, sticks).max(axis=1)
        alarms = [
            float((indexes(own, others, share, window, 200, sticks).max(axis=1) >= policy.alarm_at).mean())
            for share in _OTHERS
        ]
        lines.append(
            f"{case}, {window} tickets: at most {still.max():.3f} by chance; alarms at {_OTHERS}: {alarms}"
        )
        assert still.max() < policy.alarm_at
        assert alarms[0] == 0.0
        assert alarms[-1] == 1.0
    with capsys.disabled():
        sys.stdout.write("".join(f"\n{line}" for line in lines))
