"""People change their minds: a tenth of the owners hand their problems to others half way through a stream.

Prints accuracies; asserts no time. Banking77, its labels as owners: two fifths of the train part are the history, the
rest the stream. People look at the first tickets of those owners after the change, and correct what went wrong.
"""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.engines.density import Hdbscan
from models.engines.encoders import EncoderSpec, load_encoder
from models.engines.vector_index import ExactIndex
from models.evidence import Searchable, searchable
from models.lexicon import join
from models.recluster.first_generation import FirstPolicy, History, first_generation
from models.routing.corrections import Act, ActKind, Corrections, corrections_of, no_corrections
from models.routing.encode import encode
from models.routing.match import Match, match
from models.routing.pack import PackPolicy
from models.vote import Vectors, VotePolicy

pytestmark = pytest.mark.bench

_DATA = (Path(__file__).resolve().parents[2] / "../shared/data/banking77/data.jsonl.gz").resolve()
_LOOKED_AT = 20  # tickets of each owner
_WITHIN = 0.02
_BATCH = 50


def _stream(ready: Searchable, queries: Vectors, corrections: Corrections) -> list[Match]:
    return match(queries, ready, VotePolicy(), corrections)


def _right(found: Sequence[Match], owners: Sequence[str]) -> NDArray[np.bool_]:
    return np.array([one.candidates[0].owner == owner for one, owner in zip(found, owners, strict=True)])


@pytest.mark.skipif(not _DATA.exists(), reason="Banking77 is not beside the repository")
def test_twenty_corrections_an_owner_bring_the_accuracy_back(capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in gzip.decompress(_DATA.read_bytes()).splitlines()]
    rows = [row for row in rows if row["split"] == "train"]
    chance = np.random.default_rng(0)
    rows = [rows[place] for place in chance.permutation(len(rows))]
    encoder = load_encoder(EncoderSpec())
    texts, labels = [row["text"] for row in rows], [row["label"] for row in rows]
    vectors = encode(encoder, texts, PackPolicy())
    half = 2 * len(rows) // 5
    made = first_generation(
        History(vectors[:half], texts[:half], labels[:half], np.zeros(half, dtype=np.int64)),
        encoder=encoder.fingerprint,
        teams=(),
        now_ms=0,
        density=Hdbscan(),
        build=ExactIndex,
        policy=FirstPolicy(),
    ).generation
    ready = searchable(made, ExactIndex)
    queries = join(made.lexicon, texts[half:], vectors[half:])
    truth = labels[half:]

    names = sorted(set(labels))
    moved = [names[place] for place in chance.choice(len(names), 2 * round(len(names) / 20), replace=False)]
    to = dict(zip(moved, [*moved[1:], moved[0]], strict=True))  # each one's problems go to the next
    calm, changed = queries[: half // 2], queries[half // 2 :]
    before = _right(_stream(ready, calm, no_corrections(made.width)), truth[: half // 2])
    now = [to.get(label, label) for label in truth[half // 2 :]]

    acts: list[Act] = []
    given = dict.fromkeys(moved, 0)
    without, learning, after = list[bool](), list[bool](), list[bool]()
    for start in range(0, len(changed), _BATCH):
        chunk, owners = changed[start : start + _BATCH], now[start : start + _BATCH]
        labels_here = truth[half // 2 :][start : start + _BATCH]
        without += _right(_stream(ready, chunk, no_corrections(made.width)), owners).tolist()
        found = _stream(ready, chunk, corrections_of(acts, len(acts), ready))
        taught = all(count >= _LOOKED_AT for count in given.values())
        (after if taught else learning).extend(_right(found, owners).tolist())
        for place, (one, owner, label) in enumerate(zip(found, owners, labels_here, strict=True)):
            first = one.candidates[0]
            if label not in given or given[label] == _LOOKED_AT:
                continue
            given[label] += 1
            if first.owner != owner:
                who = f"T-{start + place}"
                acts.append(Act(len(acts) + 1, ActKind.CORRECTED, owner, who, first.cluster.id, chunk[place]))
    shares = [
        float(np.mean(part)) if len(part) else float("nan") for part in (before, without, learning, after)
    ]
    with capsys.disabled():
        print(  # noqa: T201
            f"\n{len(moved)} of {len(names)} owners handed on; accuracy before {shares[0]:.4f}, after it without"
            f" feedback {shares[1]:.4f}, while learning {shares[2]:.4f}, then {shares[3]:.4f}"
            f" ({len(acts)} corrections, {len(after)} tickets after them)"
        )
    assert shares[1] < shares[0] - _WITHIN
    assert shares[3] >= shares[0] - _WITHIN
