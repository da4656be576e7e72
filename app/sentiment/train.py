"""Train the sentiment head that is shipped, from GoEmotions and Sluice's own samples, and say how good it is.

python -m app.sentiment.train FILE      FILE: GoEmotions with Ekman's labels, of columns text, label, split

Takes a minute or two. The same machine makes the same bytes. Only train splits are learnt from, and only dev splits
choose the limits of the bands; the test splits are scored and nothing else.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import f1_score, roc_auc_score

from app.bootstrap import PastTicket, prepare
from app.files.events import new_ticket
from app.files.labelled import LabelledText, read_labelled
from app.sentiment.samples import LANGUAGES, NEGATIVE, Sample, compose, is_upset, load_samples
from models.engines.encoders import EncoderSpec, load_encoder
from models.learn.sentiment import NetPolicy, best_limit, fit_net, rare_limit
from models.routing.clean import CleanPolicy
from models.routing.encode import Encoder
from models.routing.pack import PackPolicy
from models.routing.sentiment import SentimentHead, scores, to_bytes
from models.vote import Vectors, settle

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

_ANY_TIME_MS = 1_790_000_000_000
HEAD = Path(__file__).with_name("head.npz")

# How much an example counts. 2.4 makes a half the best place to cut GoEmotions, of which 23 % are upset; samples of
# ours count many times, so that all of them weigh about as much as Reddit does.
_UPSET_COMMENT = 2.4
_WEIGHTS = {"report": 20.0, "remark": 20.0, "story": 10.0, "ticket": 5.0}

# An upset sample is no furious one: a lower target tells them apart better (AUROC .60 to .68) and calls fewer plain
# reports upset.
_TARGETS = {"calm": 0.0, "upset": 0.75, "very_upset": 1.0}

# Of calm samples and tickets, so many may be called very upset.
_CALM_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Texts:
    """Settled vectors [n, dim] with which texts are upset [n], what a head should say [n] and how much they count."""

    vectors: Vectors
    upset: Flags
    targets: Numbers
    weights: Numbers


def comments(rows: Sequence[LabelledText], split: str, encoder: Encoder) -> Texts:
    """The comments of a split."""
    kept = [row for row in rows if row.split == split and row.label is not None]
    upset = [is_upset(row.label or "", NEGATIVE) for row in kept]
    weights = [_UPSET_COMMENT if one else 1.0 for one in upset]
    return _texts([row.text for row in kept], upset, [float(one) for one in upset], weights, encoder)


def samples(found: Sequence[Sample], encoder: Encoder) -> Texts:
    """Samples or tickets composed of them."""
    return _texts(
        [one.text for one in found],
        [one.upset for one in found],
        [_TARGETS[one.label] for one in found],
        [_WEIGHTS[one.role] for one in found],
        encoder,
    )


def _texts(
    texts: Sequence[str],
    upset: Sequence[bool],
    targets: Sequence[float],
    weights: Sequence[float],
    encoder: Encoder,
) -> Texts:
    """The texts by the steps that a ticket takes; those that it would be refused for are left out."""
    rows = [LabelledText(0, "", text, None, None, None) for text in texts]
    past = [PastTicket(new_ticket(row, f"{place}", _ANY_TIME_MS)) for place, row in enumerate(rows)]
    done = prepare(past, encoder, CleanPolicy(), PackPolicy(), lambda done, total: None)
    places = [int(ticket.ticket_id) for ticket in done.tickets]
    return Texts(
        settle(done.vectors),
        np.array(upset, dtype=np.bool_)[places],
        np.array(targets, dtype=np.float64)[places],
        np.array(weights, dtype=np.float64)[places],
    )


def train(
    parts: Sequence[Texts], real: Texts, own: Sequence[Texts], policy: NetPolicy, encoder: str
) -> SentimentHead:
    """The head fitted to `parts`, with bands fitted to texts that it has not learnt from.

    `upset` begins where F1 is highest on `real`, comments of which as many are upset as people made so: half of our
    samples are, and a limit fitted to them would call too many plain reports upset. `very_upset` begins where at
    most 1 % of the calm texts of `own` lie above.
    """
    net = fit_net(
        np.concatenate([part.vectors for part in parts]),
        np.concatenate([part.targets for part in parts]),
        np.concatenate([part.weights for part in parts]),
        policy,
    )
    raw = SentimentHead(*net, upset_at=0.5, very_upset_at=0.5, encoder=encoder)
    upset_at = best_limit(scores(raw, real.vectors), real.upset)
    calm = np.concatenate([part.vectors[~part.upset] for part in own])
    very_upset_at = max(upset_at, rare_limit(scores(raw, calm), _CALM_SHARE))
    return replace(raw, upset_at=upset_at, very_upset_at=very_upset_at)


def figures(head: SentimentHead, texts: Texts) -> dict[str, Any]:
    """How good the head is on some texts: AUROC and F1 of its own limit, and how many calm ones it calls upset."""
    score = scores(head, texts.vectors)
    said = score >= head.upset_at
    return {
        "n": len(score),
        "auroc": round(float(roc_auc_score(texts.upset, score)), 4),
        "f1": round(float(f1_score(texts.upset, said)), 4),
        "calm_called_upset": round(float(said[~texts.upset].mean()), 4),
    }


def _known(rows: Sequence[LabelledText], split: str, encoder: Encoder) -> dict[str, Texts]:
    """All texts of a split by what they are, the comments first."""
    known = {"goemotions": comments(rows, split, encoder)}
    for lang in LANGUAGES:
        own = [sample for sample in load_samples() if (sample.lang, sample.split) == (lang, split)]
        known[f"samples_{lang}"] = samples([one for one in own if one.role != "story"], encoder)
        known[f"stories_{lang}"] = samples([one for one in own if one.role == "story"], encoder)
        known[f"tickets_{lang}"] = samples(compose(own), encoder)
    return known


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, write the head, print its figures as JSON."""
    parser = argparse.ArgumentParser(
        prog="python -m app.sentiment.train", description="Train the sentiment head."
    )
    parser.add_argument("file", type=Path, help="GoEmotions with Ekman's labels; columns text, label, split")
    parser.add_argument("--out", type=Path, default=HEAD, help="where the head is written")
    said = parser.parse_args(arguments)
    encoder = load_encoder(EncoderSpec(threads=len(os.sched_getaffinity(0))))
    rows = read_labelled(said.file, "text", "label")
    known = {split: _known(rows, split, encoder) for split in ("train", "dev", "test")}
    real, *own = known["dev"].values()
    head = train(list(known["train"].values()), real, own, NetPolicy(), encoder.fingerprint)
    said.out.write_bytes(to_bytes(head))
    report = {
        split: {name: figures(head, part) for name, part in known[split].items()} for split in ("dev", "test")
    }
    limits = {"upset_at": head.upset_at, "very_upset_at": head.very_upset_at, "encoder": head.encoder}
    sys.stdout.write(json.dumps(limits | report, indent=2) + "\n")


if __name__ == "__main__":
    main()
