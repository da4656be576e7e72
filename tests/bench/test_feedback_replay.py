"""People change their minds: a tenth of the owners hand their problems to others half way through a stream.

Prints accuracies; asserts no time. Labels are owners; two fifths of a train part are the history, the rest the stream,
and the last third of that is scored. People correct up to twenty tickets of each owner that handed on; of theirs what
went right is confirmed as a worker would (ADR 18).
"""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from models.engines.density import HDBSCAN
from models.engines.encoders import EncoderSpec, load_encoder
from models.engines.vector_index import ExactIndex
from models.evidence import Searchable, searchable
from models.lexicon import join
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.problems import MakePolicy
from models.routing.corrections import Act, ActKind, Corrections, corrections_of, no_corrections
from models.routing.encode import encode
from models.routing.match import Match, match
from models.routing.pack import PackPolicy
from models.vote import Vectors, VotePolicy

pytestmark = pytest.mark.bench

_DATA = (Path(__file__).resolve().parents[2] / "../shared/data").resolve()
_CORRECTIONS = 20  # of each owner, at most
_WITHIN = 0.02
_BATCH = 50


def _stream(ready: Searchable, queries: Vectors, corrections: Corrections) -> list[Match]:
    return match(queries, ready, VotePolicy(), corrections)


def _right(found: Sequence[Match], owners: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([one.candidates[0].owner == owner for one, owner in zip(found, owners, strict=True)])


@pytest.mark.skipif(not _DATA.exists(), reason="the labelled data are not beside the repository")
@pytest.mark.parametrize("name", ["banking77", "clinc150"])
def test_twenty_corrections_an_owner_bring_the_accuracy_back(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        json.loads(line)
        for line in gzip.decompress((_DATA / name / "data.jsonl.gz").read_bytes()).splitlines()
    ]
    rows = [row for row in rows if row["split"] == "train" and row["label"] != "oos"]
    chance = np.random.default_rng(0)
    rows = [rows[place] for place in chance.permutation(len(rows))]
    encoder = load_encoder(EncoderSpec())
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    vectors = encode(encoder, texts, PackPolicy())
    past = 2 * len(rows) // 5
    with threadpool_limits(1, "blas"):
        made = first_generation(
            History(vectors[:past], texts[:past], labels[:past], np.zeros(past, dtype=np.int64)),
            encoder=encoder.fingerprint,
            teams=(),
            now_ms=0,
            ways=HDBSCAN,
            build=ExactIndex,
            policy=MakePolicy(),
        ).generation
    ready = searchable(made, ExactIndex)
    queries, truth = join(made.lexicon, texts[past:], vectors[past:]), labels[past:]

    names = sorted(set(labels))
    moved = [names[place] for place in chance.choice(len(names), round(len(names) / 10), replace=False)]
    to = dict(zip(moved, [*moved[1:], moved[0]], strict=True))  # each one's problems go to the next
    now = [to.get(label, label) for label in truth]
    late = slice(2 * len(queries) // 3, None)
    nobody = _stream(ready, queries[late], no_corrections(made.width))
    unchanged, without = _right(nobody, truth[late]), _right(nobody, now[late])

    acts: list[Act] = []
    given, corrected = dict.fromkeys(moved, 0), set[str]()
    right: list[bool] = []
    for start in range(0, len(queries), _BATCH):
        batch = slice(start, start + _BATCH)
        found = _stream(ready, queries[batch], corrections_of(acts, len(acts), ready))
        right += _right(found, now[batch]).tolist()
        for place, (one, owner, label) in enumerate(zip(found, now[batch], truth[batch], strict=True), start):
            first = one.candidates[0]
            if label not in given or given[label] == _CORRECTIONS:
                continue
            kind = ActKind.CORRECTED if first.owner != owner else ActKind.CONFIRMED
            if kind is ActKind.CORRECTED:
                given[label] += 1
                corrected.add(first.cluster.id)
            if first.cluster.id in corrected:
                vector = queries[place] if kind is ActKind.CORRECTED else None
                acts.append(Act(len(acts) + 1, kind, owner, f"T-{place}", first.cluster.id, vector))
    shares = [float(np.mean(part)) for part in (unchanged, without, right[late])]
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{name}: {len(moved)} of {len(names)} owners hand on; of the last {len(unchanged)} tickets right had"
            f" nobody handed on {shares[0]:.4f}, without feedback {shares[1]:.4f}, with it {shares[2]:.4f}"
            f" ({min(given.values())} to {max(given.values())} corrections an owner)"
        )
    assert shares[1] < shares[0] - _WITHIN
    assert shares[2] >= shares[0] - _WITHIN
