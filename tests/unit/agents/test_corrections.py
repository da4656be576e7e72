"""Corrections on their topic: what counts of them, in which order, for whom."""

from dataclasses import replace

import numpy as np
import pytest

from agents.corrections import CorrectionLog, Hybrids, contested_since
from agents.state import text_of
from models.evidence import searchable
from models.learn.lexicon import LexiconPolicy, fit_lexicon
from models.lexicon import join
from models.routing.corrections import MOST, Act, ActKind, corrections_of
from schemas.codec import encode
from schemas.contract import time_of
from schemas.feedback import Correction, CorrectionKind
from schemas.unreadable import Unreadable
from tests.fakes.generations import generation, unit_rows
from tests.fakes.records import NOW_MS
from tests.fakes.vector_index import NumpyIndex

DIM = 4
EYE = np.eye(DIM, dtype=np.float32)


def correction(feedback_id: str, **more: object) -> Correction:
    fields: dict[str, object] = {
        "feedback_id": feedback_id,
        "kind": "corrected",
        "ticket_id": f"t-{feedback_id}",
        "cluster_id": "c-1",
        "decided_owner": "mobile",
        "owner": "locks",
        "generation_id": "g-1",
        "text": "the lock is offline",
        "vector": text_of(EYE[0]),
        "encoder": "mine",
        "at": time_of(NOW_MS),
    }
    return Correction.model_validate(fields | more)


class Topic:
    """A log that is fed as records come, each at the next offset."""

    def __init__(self) -> None:
        self.log = CorrectionLog("mine", DIM)
        self.records: list[tuple[bytes, bytes | None, int]] = []

    def put(self, *events: Correction) -> None:
        for event in events:
            self.write(event.feedback_id, encode(event))

    def write(self, key: str, value: bytes | None) -> None:
        found = (key.encode(), value, len(self.records))
        self.records.append(found)
        self.log.feed(*found)

    def said(self) -> list[tuple[int, str]]:
        return [(one.revision, one.feedback_id) for one in self.log.learnt()]


@pytest.fixture
def topic() -> Topic:
    return Topic()


def test_clusters_that_people_described_stand_beside_the_generation(topic: Topic) -> None:
    made = generation(["a", "b"], EYE[:2], [(0, EYE[0]), (1, EYE[1])])
    ready, hybrids = searchable(made, NumpyIndex), Hybrids(made)
    assert hybrids.amended(ready, topic.log.learnt()) is ready
    fields = {"kind": "added", "ticket_id": None, "decided_owner": None, "owner": "iot"}
    topic.put(
        correction("f-1", cluster_id="d-1", name="old", vector=text_of(EYE[2]), **fields),
        correction("f-2", cluster_id="c-0", name="there already", vector=text_of(EYE[2]), **fields),
        correction("f-3", cluster_id="d-2", name="other encoder", vector=None, encoder=None, **fields),
        correction("f-4", cluster_id="d-1", name="lock", vector=text_of(EYE[3]), **fields),
    )
    amended = hybrids.amended(ready, topic.log.learnt())
    (cluster,) = amended.described.clusters
    assert (cluster.id, cluster.name, cluster.owner, cluster.described) == ("d-1", "lock", "iot", True)
    assert cluster.description == "the lock is offline"
    assert np.array_equal(amended.described.vectors, EYE[[3]])
    topic.put(correction("f-5"))
    assert hybrids.amended(ready, topic.log.learnt()) is amended
    assert hybrids.acts(topic.log.learnt())[-1].kind is ActKind.CORRECTED


def test_nothing_was_learnt_at_first(topic: Topic) -> None:
    assert (topic.log.revision, topic.log.learnt()) == (0, ())


def test_every_field_of_what_was_learnt(topic: Topic) -> None:
    topic.put(correction("f-1", into_cluster_id="c-2"))
    (found,) = topic.log.learnt()
    assert (found.revision, found.feedback_id, found.kind) == (1, "f-1", CorrectionKind.CORRECTED)
    assert (found.ticket_id, found.cluster_id, found.into_cluster_id) == ("t-f-1", "c-1", "c-2")
    assert (found.decided_owner, found.owner, found.generation_id) == ("mobile", "locks", "g-1")
    assert (found.text, found.at_ms) == ("the lock is offline", NOW_MS)
    np.testing.assert_array_equal(found.vector, EYE[0])


def test_revisions_are_places_in_the_topic_and_order_what_counts(topic: Topic) -> None:
    topic.put(correction("f-1"), correction("f-2"), correction("f-3"))
    assert topic.said() == [(1, "f-1"), (2, "f-2"), (3, "f-3")]
    assert topic.log.revision == 3


def test_of_one_ticket_the_last_one_counts_and_stands_where_it_was_made(topic: Topic) -> None:
    topic.put(
        correction("f-1", ticket_id="t-1"),
        correction("f-2", ticket_id="t-2"),
        correction("f-3", ticket_id="t-1", kind="confirmed", text=None, vector=None, encoder=None),
    )
    assert topic.said() == [(2, "f-2"), (3, "f-3")]


def test_of_one_id_the_last_one_counts(topic: Topic) -> None:
    topic.put(correction("f-1"), correction("f-2"), correction("f-1"))
    assert topic.said() == [(2, "f-2"), (3, "f-1")]


def test_a_tombstone_takes_one_back_and_has_a_revision_of_its_own(topic: Topic) -> None:
    topic.put(correction("f-1"), correction("f-2"))
    topic.write("f-1", None)
    topic.write("never there", None)
    assert (topic.said(), topic.log.revision) == ([(2, "f-2")], 4)


def test_what_was_overtaken_counts_again_where_the_later_one_is_taken_back(topic: Topic) -> None:
    """Whoever takes back what a ticket taught takes back all of it: a late reader may find only the earlier one."""
    topic.put(correction("f-1", ticket_id="t-1"), correction("f-2", ticket_id="t-1"))
    topic.write("f-2", None)
    assert topic.said() == [(1, "f-1")]


@pytest.mark.parametrize("kind", ["bound", "merged", "split"])
def test_an_act_on_a_cluster_counts_beside_those_on_its_tickets(topic: Topic, kind: str) -> None:
    topic.put(correction("f-1"), correction("f-2", kind=kind, ticket_id=None), correction("f-3"))
    assert topic.said() == [(1, "f-1"), (2, "f-2"), (3, "f-3")]


@pytest.mark.parametrize(
    "more",
    [{"vector": None}, {"encoder": "theirs"}, {"encoder": None}, {"encoder": "theirs", "vector": "AAAA"}],
    ids=["none", "of another encoder", "of nobody knows which", "of another encoder and length"],
)
def test_without_a_vector_to_compare_the_text_is_there(topic: Topic, more: dict[str, object]) -> None:
    topic.put(correction("f-1", **more))
    (found,) = topic.log.learnt()
    assert (found.vector, found.text) == (None, "the lock is offline")


@pytest.mark.parametrize(
    ("value", "error"),
    [
        pytest.param(b"no json", Unreadable, id="no JSON"),
        pytest.param(b"{}", Unreadable, id="no correction"),
        pytest.param(encode(correction("f-1", vector="AAAA")), ValueError, id="vector of another length"),
        pytest.param(encode(correction("f-1", vector="x")), ValueError, id="no vector"),
    ],
)
def test_one_that_cannot_be_read_takes_its_key_s_back_and_is_counted(
    topic: Topic, value: bytes, error: type[Exception]
) -> None:
    topic.put(correction("f-1"), correction("f-2"))
    with pytest.raises(error):
        topic.write("f-1", value)
    assert (topic.said(), topic.log.revision) == ([(2, "f-2")], 3)


@pytest.mark.parametrize("gone", [(), (0,), (0, 2), (3,)], ids=str)
def test_a_reader_that_comes_after_compaction_learns_the_same(topic: Topic, gone: tuple[int, ...]) -> None:
    """Compaction removes what a later record of its key replaced, and in the end tombstones."""
    topic.put(correction("f-1"), correction("f-2"), correction("f-1"))
    topic.write("f-1", None)
    topic.put(correction("f-1", owner="payments"), correction("f-3", ticket_id="t-f-2"))
    late = CorrectionLog("mine", DIM)
    for key, value, offset in topic.records:
        if offset not in gone:
            late.feed(key, value, offset)
    told = [[(o.revision, o.feedback_id, o.owner) for o in log.learnt()] for log in (topic.log, late)]
    assert told[0] == told[1] == [(5, "f-1", "payments"), (6, "f-3", "locks")]
    assert late.revision == topic.log.revision


# -- as acts on a generation


LEXICON = fit_lexicon(
    ["the lock is offline", "sign in fails", "paid twice"] * 20, LexiconPolicy(components=2), 0.5
)
MADE = replace(generation(["mobile", "locks"], unit_rows(2, DIM + 2, 0), []), dim=DIM, lexicon=LEXICON)


def test_each_kind_of_act_teaches_what_it_says(topic: Topic) -> None:
    topic.put(
        correction("f-1"),
        correction("f-2", kind="confirmed", text=None, vector=None, encoder=None),
        correction("f-3", kind="bound", ticket_id=None, text=None, vector=None, encoder=None),
        correction("f-4", kind="merged", ticket_id=None, into_cluster_id="c-2"),
        correction("f-5", kind="split", ticket_id=None),
        correction("f-6", owner=None),
    )
    first, *others = Hybrids(MADE).acts(topic.log.learnt())
    assert (first.revision, first.kind, first.owner) == (1, ActKind.CORRECTED, "locks")
    assert (first.ticket_id, first.cluster) == ("t-f-1", "c-1")
    assert others == [
        Act(2, ActKind.CONFIRMED, "locks", "t-f-2", "c-1", None),
        Act(3, ActKind.BOUND, "locks", None, "c-1", None),
    ]


def test_a_text_stands_beside_the_generation_as_its_ticket_did(topic: Topic) -> None:
    topic.put(correction("f-1"), correction("f-2", text="paid twice", vector=text_of(EYE[1])))
    found = Hybrids(MADE).acts(topic.log.learnt())
    expected = join(LEXICON, ["the lock is offline", "paid twice"], EYE[:2])
    for act, row in zip(found, expected, strict=True):
        np.testing.assert_array_equal(act.vector, row)


def test_a_text_is_read_once_and_forgotten_once_it_counts_no_more(topic: Topic) -> None:
    hybrids = Hybrids(MADE)
    topic.put(correction("f-1"))
    (first,) = hybrids.acts(topic.log.learnt())
    topic.put(correction("f-2", text="paid twice"))
    again, second = hybrids.acts(topic.log.learnt())
    assert again.vector is first.vector
    topic.write("f-2", None)
    assert hybrids.acts(topic.log.learnt()) == [again]
    topic.put(correction("f-3", text="sign in fails"))
    assert [act.revision for act in hybrids.acts(topic.log.learnt())] == [1, 4]
    assert second.vector is not None


def test_no_more_acts_are_read_than_are_remembered(topic: Topic) -> None:
    """They come to the same: what is older than that counts nowhere."""
    topic.put(*(correction(f"f-{n}", owner=f"team {n}") for n in range(3)))
    first = topic.log.learnt()
    later = tuple(
        replace(first[2], revision=revision, ticket_id=f"t-{revision}") for revision in range(4, MOST + 3)
    )
    acts = Hybrids(MADE).acts([*first, *later])
    assert len(acts) == MOST
    assert [act.revision for act in acts[:2]] == [3, 4]
    ready = searchable(MADE, NumpyIndex)
    assert corrections_of(acts, MOST + 2, ready).owners == ("team 2",) * MOST


# -- repeated and late acts on clusters


@pytest.mark.parametrize(
    ("feedback_id", "cluster_id", "at_ms", "why"),
    [
        pytest.param("f-1", "c-1", NOW_MS, "repeated", id="again"),
        pytest.param("f-2", "c-1", NOW_MS - 1, "late", id="older"),
        pytest.param("f-2", "c-1", NOW_MS, None, id="of the same moment"),
        pytest.param("f-2", "c-1", NOW_MS + 1, None, id="newer"),
        pytest.param("f-2", "c-2", NOW_MS - 1, None, id="of another cluster"),
    ],
)
def test_which_act_on_a_cluster_is_news(
    topic: Topic, feedback_id: str, cluster_id: str, at_ms: int, why: str | None
) -> None:
    topic.put(correction("f-1", kind="bound", ticket_id=None))
    topic.put(correction("f-9", at=time_of(NOW_MS + 99)))  # of a ticket in that cluster: no matter
    assert topic.log.stale(feedback_id, CorrectionKind.BOUND, cluster_id, at_ms) == why


@pytest.mark.parametrize(
    ("known", "older", "why"),
    [
        ("bound", "renamed", None),
        ("renamed", "bound", None),
        ("pinned", "merged", None),
        ("renamed", "renamed", "late"),
        ("pinned", "unpinned", "late"),
        ("unpinned", "pinned", "late"),
        ("merged", "split", "late"),
        ("split", "merged", "late"),
        ("silenced", "unsilenced", "late"),
        ("unsilenced", "silenced", "late"),
        ("silenced", "acknowledged", None),
        ("acknowledged", "silenced", None),
    ],
)
def test_a_later_act_makes_late_what_speaks_of_the_same(
    topic: Topic, known: str, older: str, why: str | None
) -> None:
    topic.put(correction("f-1", kind=known, ticket_id=None))
    assert topic.log.stale("f-2", CorrectionKind(older), "c-1", NOW_MS - 1) == why
    assert topic.log.stale("f-2", CorrectionKind(older), "c-1", NOW_MS + 1) is None


def test_what_an_act_on_a_cluster_brings_is_learnt(topic: Topic) -> None:
    topic.put(correction("f-1", kind="renamed", ticket_id=None, name="Lost cards"))
    topic.put(correction("f-2", kind="split", ticket_id=None, examples=[["t-1", "t-2"], ["t-3"]]))
    renamed, split = topic.log.learnt()
    assert (renamed.name, renamed.examples) == ("Lost cards", ())
    assert (split.name, split.examples) == (None, (("t-1", "t-2"), ("t-3",)))


# -- contested clusters


def test_a_cluster_is_contested_by_corrections_of_its_tickets_since_then(topic: Topic) -> None:
    topic.put(
        correction("f-1", cluster_id="c-before", at=time_of(NOW_MS - 1)),
        correction("f-2", cluster_id="c-then", at=time_of(NOW_MS)),
        correction("f-3", cluster_id="c-confirmed", kind="confirmed"),
        correction("f-4", cluster_id="c-bound", kind="bound", ticket_id=None),
        correction("f-5", cluster_id=None),
    )
    assert contested_since(topic.log.learnt(), NOW_MS) == {"c-then"}
