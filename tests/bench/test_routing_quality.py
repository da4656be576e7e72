"""Routing quality from history to decision, on Banking77 cut in halves: what a company would see on its first day.

Prints a line of figures; asserts no time.
"""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.engines.density import HDBSCAN
from models.engines.encoders import EncoderSpec, load_encoder
from models.engines.vector_index import ExactIndex
from models.evidence import searchable
from models.lexicon import join
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.problems import MakePolicy
from models.routing.corrections import no_corrections
from models.routing.decide import DecidePolicy, Decision, Facts, Outcome, decide
from models.routing.encode import encode
from models.routing.match import match
from models.routing.pack import PackPolicy

pytestmark = pytest.mark.bench

_DATA = (Path(__file__).resolve().parents[2] / "../shared/data/banking77/data.jsonl.gz").resolve()


def _halves(labels: NDArray[np.str_]) -> NDArray[np.bool_]:
    """Half of each label, drawn with seed 0."""
    chance, first = np.random.default_rng(0), np.zeros(len(labels), dtype=np.bool_)
    for label in np.unique(labels):
        rows = chance.permutation(np.flatnonzero(labels == label))
        first[rows[: len(rows) // 2]] = True
    return first


def _said(decision: Decision) -> str | None:
    """The owner, or for a ticket in triage that of its first alternative."""
    if decision.owner is not None or not decision.alternatives:
        return decision.owner
    return decision.alternatives[0].owner


@pytest.mark.skipif(not _DATA.exists(), reason="Banking77 is not beside the repository")
def test_half_of_banking77_routes_the_other_half(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in gzip.decompress(_DATA.read_bytes()).splitlines()]
    texts, labels = [row["text"] for row in rows], np.array([row["label"] for row in rows])
    encoder = load_encoder(EncoderSpec())
    vectors = encode(encoder, texts, PackPolicy())
    past = _halves(labels)
    made = first_generation(
        History(
            vectors=vectors[past],
            texts=[text for text, is_past in zip(texts, past, strict=True) if is_past],
            owners=labels[past].tolist(),
            created_at_ms=np.zeros(int(past.sum()), dtype=np.int64),
        ),
        encoder=encoder.fingerprint,
        teams=(),
        now_ms=0,
        ways=HDBSCAN,
        build=ExactIndex,
        policy=MakePolicy(),
    )
    ready = searchable(made.generation, ExactIndex)
    new = [text for text, is_past in zip(texts, past, strict=True) if not is_past]
    queries = join(made.generation.lexicon, new, vectors[~past])
    found = match(queries, ready, MakePolicy().vote, no_corrections(made.generation.width))
    decisions = [
        decide(one, made.generation, Facts(str(row), "1", None, 0), DecidePolicy(), generation_id="g")
        for row, one in enumerate(found)
    ]
    right = np.array([_said(one) == owner for one, owner in zip(decisions, labels[~past], strict=True)])
    routed = np.array([one.outcome is Outcome.ROUTE for one in decisions])
    with capsys.disabled():
        print(  # noqa: T201
            f"\nBanking77, half and half: owner accuracy {right.mean():.4f}, routed {routed.mean():.4f}"
            f" with precision {right[routed].mean():.4f}; history: {made.report.calibration}"
        )
    assert right.mean() >= 0.91
    assert right[routed].mean() >= 0.95
    assert routed.mean() >= 0.75
