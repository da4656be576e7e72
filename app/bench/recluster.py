"""`sluice bench recluster`: how well, how fast and in how much memory problems are found, beside BERTopic on the same
vectors, and how that grows with the tickets.

Each contender is a process of its own, so that a cold start is one and its memory is its own.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from math import log
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from app.evaluate.clusters import encoded
from app.files.labelled import LabelledText
from app.scratch import Told
from app.settings import Settings
from models.errors import Fatal
from models.learn.lexicon import LexiconPolicy, fit_lexicon
from models.lexicon import join
from models.recluster.problems import MakePolicy
from models.vote import Vectors

# Noise added to a text's vector to make others of it, as the length that it has on average beside the vector's 1: about
# what parts two texts of one intent (a cosine of .8).
_SPREAD = 0.75


def bench_recluster(
    rows: Sequence[LabelledText], settings: Settings, peer: bool, sizes: Sequence[int], told: Told
) -> dict[str, Any]:
    """Scores, seconds and memory.

    Args:
        rows: labelled texts; the labels are used for scoring alone.
        peer: whether BERTopic is measured too, on the same hybrid vectors.
        sizes: numbers of tickets that the growth is measured at: vectors of the rows' texts with noise added.

    Raises:
        Fatal: no text can be used, or a contender fails.
    """
    rows_given = encoded(rows, settings, told)
    dense, texts = rows_given.prepared.vectors, [ticket.text for ticket in rows_given.prepared.tickets]
    lexicon = fit_lexicon(texts, LexiconPolicy(), MakePolicy().lexical_weight)
    vectors = join(lexicon, texts, dense)
    report: dict[str, Any] = {"n": len(texts), "labels": rows_given.labels, "encoder": rows_given.encoder}
    with TemporaryDirectory() as folder:
        given = Path(folder) / "given.npz"
        np.savez(given, vectors=vectors, truth=rows_given.truth)
        given.with_suffix(".json").write_text(json.dumps(texts), encoding="utf-8")
        for name in ("graph", "hdbscan", *(("bertopic",) if peer else ())):
            told.step(f"clustering {len(texts)} texts twice: {name}")
            report[name] = _contend(name, given)
    if peer:
        report["times_faster"] = {
            when: round(report["bertopic"][when] / max(0.01, report["graph"][when]), 1)
            for when in ("cold_seconds", "warm_seconds")
        }
    if sizes:
        report["growth"] = [_grown(dense, size, told) for size in sizes]
        report["growth_exponent"] = _exponent(report["growth"])
    return report


def _grown(vectors: Vectors, size: int, told: Told) -> dict[str, Any]:
    """Seconds and memory for so many vectors: those of texts, each as often as needed, with noise."""
    told.step(f"clustering {size:,} vectors")
    chance = np.random.default_rng(size)
    with TemporaryDirectory() as folder:
        given = Path(folder) / "given.npy"
        out = np.lib.format.open_memmap(given, mode="w+", dtype=np.float32, shape=(size, vectors.shape[1]))
        for start in range(0, size, 10_000):
            chosen = vectors[chance.integers(len(vectors), size=min(10_000, size - start))]
            noise = chance.normal(scale=_SPREAD / chosen.shape[1] ** 0.5, size=chosen.shape)
            made = chosen + noise.astype(np.float32)
            out[start : start + len(made)] = made / np.linalg.norm(made, axis=1, keepdims=True)
        out.flush()
        del out
        return {"n": size, **_contend("growth", given)}


def _exponent(growth: Sequence[dict[str, Any]]) -> float | None:
    """The slope of log seconds by log size, by least squares; None of one size."""
    if len(growth) < 2:
        return None
    sizes, seconds = ([log(one[name]) for one in growth] for name in ("n", "seconds"))
    return round(float(np.polyfit(sizes, seconds, 1)[0]), 2)


def _contend(name: str, given: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "app.bench.regroup", name, str(given)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        why = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise Fatal(f"{name}: the contender failed: {why}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
