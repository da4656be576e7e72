"""Clusters, scored on labelled texts: whether the problems that are found are those that people named.

The texts take the steps of a history without owners: cleaned, masked, encoded, joined with their words, clustered. The
labels are used for scoring alone.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from app.bootstrap import PastTicket, Prepared, history_of, prepare, ways_of
from app.child import resident_mib
from app.files.events import is_ticket, new_ticket
from app.files.labelled import LabelledText, read_labelled
from app.files.lines import BadRow
from app.policies import clean_policy, encoder_spec, pack_policy
from app.scratch import Told
from app.settings import Settings
from models.engines.encoders import load_encoder
from models.errors import Fatal
from models.recluster.cluster import Labels
from models.recluster.problems import MakePolicy, find_problems

# All tickets are of one instant: nothing here is decided by age.
_NOW_MS = 1_790_000_000_000


def rows_to_cluster(
    paths: Sequence[Path],
    text: str,
    label: str,
    split: str | None,
    outside: str | None,
    bad: Callable[[BadRow], None],
) -> list[LabelledText]:
    """The labelled rows of the files: of one split where one is named, without those of the label `outside`. In
    several files one label is one problem each.

    Raises:
        Fatal: a file cannot be read, lacks a column, or no labelled row is left.
    """
    rows = [
        (path, row)
        for path in paths
        for row in read_labelled(path, text, label, bad)
        if row.label not in {None, outside} and split in {None, row.split} and is_ticket(row, bad)
    ]
    if not rows:
        named = ", ".join(path.name for path in paths)
        raise Fatal(f"{named}: no labelled row" + (f" of split {split}" if split else ""))
    several = len(paths) > 1
    return [replace(row, label=f"{path}:{row.label}") if several else row for path, row in rows]


@dataclass(frozen=True, slots=True)
class Given:
    """The texts that were not refused, ready to be clustered, and the number of each one's label, truth [n].

    Attributes:
        encoder: fingerprint of what made the vectors.
        seconds: that cleaning and encoding took.
    """

    prepared: Prepared
    truth: NDArray[np.int64]
    encoder: str
    seconds: float

    @property
    def labels(self) -> int:
        return int(self.truth.max()) + 1


def encoded(rows: Sequence[LabelledText], settings: Settings, told: Told) -> Given:
    """The rows as tickets that nobody has seen, cleaned and encoded.

    Raises:
        Fatal: the encoder cannot be loaded, or every text is refused.
    """
    told.step("loading the encoder")
    encoder = load_encoder(encoder_spec(settings))
    told.step(f"encoding {len(rows)} texts")
    started = perf_counter()
    tickets = [PastTicket(new_ticket(row, f"{number}", _NOW_MS)) for number, row in enumerate(rows)]
    prepared = prepare(tickets, encoder, clean_policy(settings), pack_policy(settings), told.progress)
    if not prepared.tickets:
        raise Fatal(f"no text to cluster: {', '.join(sorted(prepared.refused))}")
    seconds = perf_counter() - started
    labels = [rows[int(ticket.ticket_id)].label for ticket in prepared.tickets]
    truth: NDArray[np.int64] = np.unique(np.array(labels), return_inverse=True)[1].astype(np.int64)
    return Given(prepared, truth, encoder.fingerprint, seconds)


def evaluate_clusters(rows: Sequence[LabelledText], settings: Settings, told: Told) -> dict[str, Any]:
    """Find the problems among the texts of the rows, and score them by their labels.

    Raises:
        Fatal: as `encoded`.
    """
    given = encoded(rows, settings, told)
    told.step("clustering")
    started = perf_counter()
    problems = find_problems(history_of(given.prepared), ways_of(settings), MakePolicy())
    return {
        **cluster_scores(problems.assignment, given.truth),
        "seconds": round(perf_counter() - started, 2),
        "seconds_to_encode": round(given.seconds, 2),
        "peak_rss_mib": round(resident_mib(os.getpid(), peak=True) or 0),
        "n": len(given.truth),
        "labels": given.labels,
        "clusterer": settings.clusterer,
        "fallbacks": [why.value for _, why in problems.fallbacks],
        "refused": dict(sorted(given.prepared.refused.items())),
        "encoder": given.encoder,
    }


def cluster_scores(found: Labels, truth: NDArray[np.int64]) -> dict[str, Any]:
    """How well clusters [n], -1 for what is in none, agree with labels [n].

    All rows count, and one in no cluster is a cluster of its own: `purity` is the share of rows that carry their
    cluster's most frequent label, `nmi` the mutual information by the mean of both entropies, `ari` the adjusted Rand
    index (Hubert and Arabie 1985). `coverage` is the share of rows that are in a cluster.
    """
    clusters = int(found.max(initial=-1)) + 1
    alone = found < 0
    every = found.copy()
    every[alone] = clusters + np.arange(int(alone.sum()))
    cells, counts = np.unique(np.stack([every, truth]), axis=1, return_counts=True)
    most = np.zeros(int(every.max(initial=-1)) + 1, dtype=np.int64)
    np.maximum.at(most, cells[0], counts)
    return {
        "clusters": clusters,
        "coverage": round(float(1.0 - alone.mean()), 4),
        "purity": round(float(most.sum() / len(truth)), 4),
        "nmi": round(float(normalized_mutual_info_score(truth, every)), 4),
        "ari": round(float(adjusted_rand_score(truth, every)), 4),
    }
