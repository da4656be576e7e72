"""A generation as bytes: it comes back as it was, and parts that do not fit each other are told of."""

import io
import json
import zlib
from collections.abc import Callable
from dataclasses import asdict, astuple, replace
from typing import Any

import numpy as np
import pytest

from models.errors import BadGeneration
from models.generation import (
    Cluster,
    Generation,
    Head,
    Lexicon,
    LineageEvent,
    Owner,
    Thresholds,
    check,
    from_bytes,
    generation_id,
    same_but_for_time,
    to_bytes,
)
from tests.fakes.generations import generation, unit_rows

_DIM, _COMPONENTS = 8, 3
_PLAIN = generation(
    ["billing", None, "access", "billing"],
    unit_rows(4, _DIM, 0),
    [(row % 4, vector) for row, vector in enumerate(unit_rows(10, _DIM, 1))],
)


def _lexicon() -> Lexicon:
    chance = np.random.default_rng(2)
    return Lexicon(
        terms=np.sort(chance.integers(0, 2**64, 6, dtype=np.uint64)),
        idf=(chance.integers(64, 640, 6) / 64).astype(np.float32),
        components=chance.integers(-(2**14), 2**14, (6, _COMPONENTS)).astype(np.int16),
        weight=0.35,
    )


def _wide(made: Generation) -> Generation:
    """With a lexicon."""
    width = _DIM + _COMPONENTS
    return replace(
        made,
        lexicon=_lexicon(),
        centroids=unit_rows(4, width, 3),
        exemplars=unit_rows(10, width, 4).astype(np.float16),
    )


def _learned(made: Generation, linear: bool = True) -> Generation:
    """With a head of three parties: two owners, and the cluster without one."""
    chance = np.random.default_rng(5)

    def weights(rows: int) -> np.ndarray:
        return (np.rint(chance.normal(size=(rows, 3)) * 2**18) / 2**18).astype(np.float32)

    return replace(made, head=Head(weights(10), 4, weights(made.width + 1) if linear else None))


_FULL = replace(
    _learned(_wide(_PLAIN)),
    clusters=(Cluster("c-0", "退款 · card", "billing", 9, ("退款", "card")), *_PLAIN.clusters[1:]),
    thresholds=Thresholds(0.123456, 1.01, (("billing", 0.9), ("access", 1 / 3)), 0.5, 0.7),
    reference=(("confidence", tuple(np.linspace(0, 1, 11).tolist())), ("nearest", (0.1, 0.2))),
)
_MADE = {
    "plain": _PLAIN,
    "with a lexicon": _wide(_PLAIN),
    "with a head": _learned(_PLAIN),
    "with a head of one part": _learned(_PLAIN, linear=False),
    "with everything": _FULL,
    "without exemplars": replace(
        _PLAIN, exemplars=np.empty((0, _DIM), np.float16), exemplar_cluster=np.empty(0, np.int32)
    ),
}


def _arrays(made: Generation) -> list[np.ndarray]:
    found: list[np.ndarray] = [made.centroids, made.exemplars, made.exemplar_cluster]
    if made.lexicon is not None:
        found += [made.lexicon.terms, made.lexicon.idf, made.lexicon.components]
    if made.head is not None:
        found.append(made.head.weights)
    if made.head is not None and made.head.linear is not None:
        found.append(made.head.linear)
    return found


@pytest.mark.parametrize("made", _MADE.values(), ids=_MADE.keys())
def test_it_comes_back_as_it_was(made: Generation) -> None:
    back = from_bytes(to_bytes(made))
    for ours, theirs in zip(_arrays(back), _arrays(made), strict=True):
        assert ours.dtype == theirs.dtype
        assert np.array_equal(ours, theirs)
    for name in (
        "clusters",
        "owners",
        "dim",
        "confidence",
        "thresholds",
        "reference",
        "encoder",
        "created_at_ms",
    ):
        assert getattr(back, name) == getattr(made, name)
    assert (back.lexicon is None, back.head is None) == (made.lexicon is None, made.head is None)
    if made.lexicon is not None and made.head is not None:
        assert back.lexicon is not None
        assert back.head is not None
        assert (back.lexicon.weight, back.head.power) == (made.lexicon.weight, made.head.power)
    assert back.width == made.centroids.shape[1]
    assert to_bytes(back) == to_bytes(made)


def test_whatever_changes_changes_its_id() -> None:
    changed = [
        _FULL,
        replace(_FULL, created_at_ms=_FULL.created_at_ms + 1),
        replace(_FULL, clusters=(replace(_FULL.clusters[0], name="refund"), *_FULL.clusters[1:])),
        replace(_FULL, confidence=replace(_FULL.confidence, bias=0.1)),
        replace(_FULL, thresholds=replace(_FULL.thresholds, reach=0.71)),
        replace(_FULL, reference=()),
        replace(_FULL, lexicon=replace(_lexicon(), weight=0.5)),
        replace(_FULL, centroids=-_FULL.centroids),
        _learned(_wide(_PLAIN), linear=False),
    ]
    ids = [generation_id(to_bytes(made)) for made in changed]
    assert len(set(ids)) == len(ids)
    assert all(name.startswith("g-") and len(name) == 18 for name in ids)


def test_of_another_time_and_lineage_it_is_the_same_and_of_anything_else_another() -> None:
    event = LineageEvent("born", _FULL.clusters[0].id, None, 0.0, 1_700_000_000_000)
    later = replace(_FULL, created_at_ms=_FULL.created_at_ms + 1, lineage=(*_FULL.lineage, event))
    assert same_but_for_time(_FULL, later)
    first = _FULL.clusters[0]
    for other in (
        replace(_FULL, clusters=(replace(first, name="another"), *_FULL.clusters[1:])),
        replace(_FULL, clusters=(replace(first, examples=("T-1",)), *_FULL.clusters[1:])),
        replace(_FULL, centroids=-_FULL.centroids),
        replace(_FULL, thresholds=replace(_FULL.thresholds, route_at=0.123)),
        replace(_FULL, owners=_FULL.owners[::-1]),
    ):
        assert not same_but_for_time(_FULL, other)


def test_how_an_array_lies_in_memory_changes_nothing() -> None:
    turned = replace(_FULL, centroids=np.asfortranarray(_FULL.centroids))
    assert to_bytes(turned) == to_bytes(_FULL)


def _with_head(**more: Any) -> Generation:
    assert _FULL.head is not None
    return replace(_FULL, head=replace(_FULL.head, **more))


def _with_lexicon(**more: Any) -> Generation:
    return replace(_FULL, lexicon=replace(_lexicon(), **more))


def _spoilt(array: np.ndarray) -> np.ndarray:
    spoilt = array.copy()
    spoilt[-1, -1] = np.nan
    return spoilt


assert _FULL.head is not None
assert _FULL.head.linear is not None
_WEIGHTS, _LINEAR = _FULL.head.weights, _FULL.head.linear
_BROKEN: dict[str, tuple[Generation, str]] = {
    "no clusters": (
        replace(_PLAIN, clusters=(), centroids=np.empty((0, _DIM), np.float32)),
        "no clusters",
    ),
    "a centroid too many": (replace(_PLAIN, centroids=unit_rows(5, _DIM, 0)), "centroids are not one row"),
    "centroids without the lexical part": (
        replace(_FULL, centroids=unit_rows(4, _DIM, 0)),
        "centroids are not",
    ),
    "another dim": (replace(_PLAIN, dim=_DIM + 1), "centroids are not one row"),
    "exemplars of another width": (
        replace(_PLAIN, exemplars=unit_rows(10, _DIM + 1, 0).astype(np.float16)),
        "exemplars differ from centroids in width",
    ),
    "a row too few": (
        replace(_PLAIN, exemplar_cluster=_PLAIN.exemplar_cluster[:9]),
        "exemplars are not one cluster each",
    ),
    "an exemplar of cluster 4": (
        replace(_PLAIN, exemplar_cluster=np.full(10, 4, np.int32)),
        "an exemplar names no cluster",
    ),
    "an exemplar of cluster -1": (
        replace(_PLAIN, exemplar_cluster=np.full(10, -1, np.int32)),
        "an exemplar names no cluster",
    ),
    "a centroid that is no number": (replace(_PLAIN, centroids=_spoilt(_PLAIN.centroids)), "not finite"),
    "an exemplar that is no number": (replace(_PLAIN, exemplars=_spoilt(_PLAIN.exemplars)), "not finite"),
    "one id for two": (
        replace(_PLAIN, clusters=(_PLAIN.clusters[0],) * 2 + _PLAIN.clusters[2:]),
        "a cluster id stands twice",
    ),
    "a nameless owner": (replace(_PLAIN, owners=(Owner("billing", 60),)), "an owner that is not listed"),
    "a term too few": (_with_lexicon(terms=_lexicon().terms[:5]), "parts differ in length"),
    "a weight too few": (_with_lexicon(idf=_lexicon().idf[:5]), "parts differ in length"),
    "components of a term too few": (_with_lexicon(components=_lexicon().components[:5]), "parts differ"),
    "components in a row": (_with_lexicon(components=_lexicon().components[:, 0]), "have another shape"),
    "terms in a table": (_with_lexicon(terms=_lexicon().terms[:, None]), "have another shape"),
    "terms out of order": (_with_lexicon(terms=_lexicon().terms[::-1]), "terms are not in order"),
    "a term twice": (_with_lexicon(terms=_lexicon().terms[[0, 0, 1, 2, 3, 4]]), "terms are not in order"),
    "a head of fewer exemplars": (_with_head(weights=_WEIGHTS[:9]), "the head is not one row an exemplar"),
    "a head of fewer parties": (_with_head(weights=_WEIGHTS[:, :2]), "and one column a party"),
    "a head in a row": (_with_head(weights=_WEIGHTS[:, 0]), "the head is not one row an exemplar"),
    "a head of no power": (_with_head(power=0), "the head's power is no whole number above 0"),
    "a head of half a power": (_with_head(power=0.5), "the head's power is no whole number above 0"),
    "a head that is no number": (_with_head(weights=_spoilt(_WEIGHTS)), "the head is not finite"),
    "a linear head of another width": (_with_head(linear=_LINEAR[1:]), "the linear head does not fit"),
    "a linear head of fewer parties": (_with_head(linear=_LINEAR[:, :2]), "the linear head does not fit"),
    "a linear head that is no number": (_with_head(linear=_spoilt(_LINEAR)), "the linear head does not fit"),
    "a confidence that is no number": (
        replace(_PLAIN, confidence=replace(_PLAIN.confidence, slope=float("nan"))),
        "confidence or a threshold is not finite",
    ),
    "an endless threshold": (
        replace(_PLAIN, thresholds=replace(_PLAIN.thresholds, scope=float("inf"))),
        "confidence or a threshold is not finite",
    ),
    "an owner's threshold that is no number": (
        replace(_PLAIN, thresholds=replace(_PLAIN.thresholds, owners=(("billing", float("nan")),))),
        "confidence or a threshold is not finite",
    ),
}


@pytest.mark.parametrize(("broken", "said"), _BROKEN.values(), ids=_BROKEN.keys())
def test_parts_that_do_not_fit_are_refused_before_they_are_written(broken: Generation, said: str) -> None:
    check(_PLAIN)
    check(_FULL)
    with pytest.raises(BadGeneration, match=said):
        check(broken)
    with pytest.raises(BadGeneration, match=said):
        to_bytes(broken)


# -- bytes of somebody else


def _packed(header: object, arrays: list[np.ndarray]) -> bytes:
    """A blob as `to_bytes` writes it, of whatever stands in it."""
    body = io.BytesIO()
    for array in arrays:
        np.lib.format.write_array(body, array, allow_pickle=False)
    text = json.dumps(header).encode()
    return b"SLUICEG4" + len(text).to_bytes(8, "little") + text + zlib.compress(body.getvalue())


def _header(**more: object) -> dict[str, object]:
    fields: dict[str, object] = {
        "clusters": [asdict(cluster) for cluster in _PLAIN.clusters],
        "owners": [asdict(owner) for owner in _PLAIN.owners],
        "dim": _DIM,
        "lexicon": None,
        "head": None,
        "confidence": asdict(_PLAIN.confidence),
        "thresholds": asdict(_PLAIN.thresholds),
        "reference": [],
        "encoder": "fake",
        "created_at_ms": _PLAIN.created_at_ms,
        "lineage": [],
        "describing": asdict(_PLAIN.describing),
    }
    return fields | more


def _blob(**more: object) -> bytes:
    return _packed(_header(**more), _arrays(_PLAIN))


_FOREIGN: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "another magic": lambda: b"SLUICEG1" + to_bytes(_PLAIN)[8:],
    "cut in the header": lambda: to_bytes(_PLAIN)[:40],
    "cut in the arrays": lambda: to_bytes(_PLAIN)[:-40],
    "a length that lies": lambda: b"SLUICEG4" + (2**63).to_bytes(8, "little") + to_bytes(_PLAIN)[16:],
    "no header": lambda: b"SLUICEG4" + (0).to_bytes(8, "little") + zlib.compress(b""),
    "a header that is a list": lambda: _packed([], _arrays(_PLAIN)),
    "a header without clusters": lambda: _packed({}, _arrays(_PLAIN)),
    "no clusters": lambda: _blob(clusters=None),
    "clusters that are words": lambda: _blob(clusters=["c-0"]),
    "a cluster with a field too many": lambda: _blob(
        clusters=[{**asdict(_PLAIN.clusters[0]), "colour": "red"}]
    ),
    "a dim that is a word": lambda: _blob(dim="eight"),
    "a confidence without slope": lambda: _blob(confidence={"head": 1.0}),
    "a confidence in words": lambda: _blob(confidence=dict.fromkeys(asdict(_PLAIN.confidence), "high")),
    "no thresholds": lambda: _blob(thresholds=None),
    "thresholds of half an owner": lambda: _blob(
        thresholds={**asdict(_PLAIN.thresholds), "owners": [["billing"]]}
    ),
    "a lexicon that is not there": lambda: _blob(lexicon={"weight": 0.5}),
    "a head that is not there": lambda: _blob(head={"power": 4, "linear": False}),
    "a head of one word": lambda: _packed(_header(head="strong"), _arrays(_PLAIN)),
    "arrays missing": lambda: _packed(_header(), _arrays(_PLAIN)[:2]),
    "arrays of words": lambda: _packed(_header(), [np.array(["a"])] * 3),
    "centroids in a row": lambda: _packed(_header(), [_PLAIN.centroids[0], *_arrays(_PLAIN)[1:]]),
    "a lexicon in a row": lambda: _packed(
        _header(lexicon={"weight": 0.5}), [*_arrays(_PLAIN), *[np.arange(3)] * 3]
    ),
}


@pytest.mark.parametrize("blob", _FOREIGN.values(), ids=_FOREIGN.keys())
def test_bytes_that_are_no_generation_are_refused(blob: Callable[[], bytes]) -> None:
    with pytest.raises(BadGeneration, match="generation: "):
        from_bytes(blob())


def test_the_blob_that_these_are_made_from_is_one() -> None:
    assert astuple(from_bytes(_blob()).confidence) == astuple(_PLAIN.confidence)
