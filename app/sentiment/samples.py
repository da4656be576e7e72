"""Samples: short support texts in Chinese and English, written for Sluice, with how upset each one sounds.

Each belongs to a family of wordings, and a family to one split, so that what is scored is worded as nothing that was
learnt from. A `report` says what is wrong and nothing more, a `remark` is whatever people write around that, and a
`story` a whole ticket as a customer tells it.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

LANGUAGES = ("zh", "en")

NEGATIVE = frozenset({"anger", "disgust", "sadness", "fear"})
"""Ekman's emotions that make a comment upset, whatever else it is labelled with.

Chosen on texts that were not learnt from. With anger and disgust alone, what GoEmotions calls sad or afraid is missed
(AUROC .756 for .841), and upset English samples of ours are told from calm ones worse (.896 for .916; Chinese ones as
well). With comments that have a label beside these four taken for calm, .832 for .841.
"""

# How a sentence ends that another one follows.
_STOPS = {"zh": "。", "en": ". "}


@dataclass(frozen=True, slots=True)
class Sample:
    """A text; `label` is the name of a band, `split` train, dev or test, `role` report, remark or story."""

    text: str
    label: str
    lang: str
    split: str
    family: str
    role: str

    @property
    def upset(self) -> bool:
        return self.label != "calm"


def is_upset(label: str, negative: frozenset[str]) -> bool:
    """Whether the label, or one of its parts joined by `+`, is negative."""
    return label in negative or not negative.isdisjoint(part.strip() for part in label.split("+"))


@cache
def load_samples() -> tuple[Sample, ...]:
    """All samples, in the order of their file."""
    lines = (files("app.sentiment") / "samples.jsonl").read_text(encoding="utf-8").splitlines()
    return tuple(Sample(**json.loads(line)) for line in lines)


def compose(samples: Sequence[Sample]) -> list[Sample]:
    """Tickets of several sentences: reports around one remark, and reports alone, of one language and split each.

    A remark gives its ticket the label, so that a head learns to hear it in the middle of facts, and that many facts
    are no anger. Every remark stands in four of them and every report begins three; which ones meet is a matter of
    their places alone.
    """
    parts = {(sample.lang, sample.split): None for sample in samples}
    return [ticket for lang, split in parts for ticket in _composed(_of(samples, lang, split))]


def _of(samples: Sequence[Sample], lang: str, split: str) -> list[Sample]:
    return [sample for sample in samples if (sample.lang, sample.split) == (lang, split)]


def _composed(samples: Sequence[Sample]) -> Iterator[Sample]:
    reports = [sample for sample in samples if sample.role == "report"]
    remarks = [sample for sample in samples if sample.role == "remark"]

    def pick(place: int) -> Sample:
        return reports[place % len(reports)]

    for at, remark in enumerate(remarks):
        first, second = pick(7 * at), pick(11 * at + 3)
        third, fourth = pick(5 * at + 1), pick(3 * at + 2)
        yield _joined(remark, [first, remark])
        yield _joined(remark, [remark, second])
        yield _joined(remark, [third, first, remark])
        yield _joined(remark, [second, third, remark, fourth, first])
    for at, report in enumerate(reports):
        others = [pick(7 * at + 3), pick(11 * at + 5), pick(5 * at + 7), pick(3 * at + 9)]
        yield _joined(report, [report, others[0]])
        yield _joined(report, [report, *others[:2]])
        yield _joined(report, [report, *others])


def _joined(named: Sample, parts: Sequence[Sample]) -> Sample:
    stop = _STOPS[named.lang]
    *before, last = [part.text for part in parts]
    text = "".join(part.rstrip("。.") + stop for part in before) + last
    return replace(named, text=text, role="ticket")
