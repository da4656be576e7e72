"""Live: what puts a generation in force, what leaves the one before there, and which solved tickets are shown."""

from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from agents.generations import generation_records
from agents.live import Live, Solved
from agents.metrics import declare
from agents.state import text_of, vector_of
from models.errors import Fatal
from models.evidence import Searchable, searchable
from models.generation import Cluster, Generation
from models.learn.lexicon import LexiconPolicy, fit_lexicon
from models.lexicon import join
from models.vote import IndexBuilder, Vectors, settle
from schemas.codec import encode
from schemas.contract import time_of
from schemas.feedback import Correction, CorrectionKind
from schemas.generation import Role
from schemas.state import TicketState, TicketStatus
from tests.fakes.generations import generation, unit, unit_rows
from tests.fakes.records import record, state, state_record

DIM = 4
EYE = np.eye(DIM, dtype=np.float32)
GENERATION = replace(generation(["billing", "access"], EYE[:2], [(0, EYE[0])]), encoder="mine")


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def live(registry: CollectorRegistry) -> Live:
    return Live("mine", DIM, declare(registry))


def publish(live: Live, made: Generation, cut: int = 0, role: Role = Role.LIVE) -> str:
    """Every record of a generation but the first `cut`, and the end of what there is to read."""
    name, records = generation_records(made, role)
    for key, value in records[cut:]:
        live.on_generation(record(value, key=key, topic="tickets.generations"))
    live.swap()
    return name


def solved(ticket_id: str, at: Vectors, **more: object) -> TicketState:
    fields = {
        "status": TicketStatus.SOLVED,
        "title": f"title of {ticket_id}",
        "resolution": f"cure of {ticket_id}",
        "vector": text_of(at),
        "encoder": "mine",
    } | more
    return state(ticket_id, **fields)


def shown(live: Live, vector: Vectors, k: int = 4, floor: float = 0.5) -> list[str]:
    (row,) = live.similar(vector[None, :], k, floor)
    return [found.ticket_id for found, _ in row]


def swaps(registry: CollectorRegistry, result: str) -> float:
    return registry.get_sample_value("sluice_generations_read_total", {"result": result}) or 0.0


# -- the generation in force


def test_nothing_is_in_force_at_first(live: Live) -> None:
    assert live.in_force is None
    assert not live.present.is_set()


def test_a_generation_is_in_force_once_it_is_whole(live: Live, registry: CollectorRegistry) -> None:
    *parts, (key, manifest) = generation_records(GENERATION)[1]
    for number, value in parts:
        live.on_generation(record(value, key=number))
        live.swap()
    assert live.in_force is None
    live.on_generation(record(manifest, key=key))
    assert live.in_force is None
    assert not live.present.is_set()
    live.swap()
    assert live.in_force is not None
    assert live.in_force.id == key.decode()
    assert live.in_force.generation.clusters == GENERATION.clusters
    assert live.present.is_set()
    assert live.refused is None
    assert registry.get_sample_value("sluice_generation_created_seconds") == 1_700_000_000
    assert swaps(registry, "in_force") == 1


def test_the_last_one_published_is_in_force(live: Live) -> None:
    publish(live, GENERATION)
    later = publish(live, replace(GENERATION, created_at_ms=GENERATION.created_at_ms + 1))
    assert live.in_force is not None
    assert live.in_force.id == later
    again = publish(live, GENERATION)  # taken back
    assert live.in_force.id == again


WIDE = replace(generation(["billing"], unit_rows(1, DIM + 1, 0), []), encoder="mine")


@pytest.mark.parametrize(
    ("bad", "cut", "why"),
    [
        pytest.param(
            replace(GENERATION, encoder="theirs"), 0, "made with encoder theirs", id="other encoder"
        ),
        pytest.param(
            replace(GENERATION, created_at_ms=1_700_000_000_001), 1, "parts are missing", id="part lost"
        ),
        pytest.param(WIDE, 0, "vectors of 5, not of 4", id="vectors of another width"),
    ],
)
def test_a_bad_one_leaves_the_one_in_force(
    live: Live, registry: CollectorRegistry, bad: Generation, cut: int, why: str
) -> None:
    good = publish(live, GENERATION)
    before = live.in_force
    publish(live, bad, cut)
    assert live.in_force is before
    assert live.in_force is not None
    assert live.in_force.id == good
    assert why in str(live.refused)
    assert (swaps(registry, "refused"), swaps(registry, "in_force")) == (1, 1)


def test_a_bad_one_at_first_is_told_and_a_good_one_still_comes_into_force(live: Live) -> None:
    publish(live, replace(GENERATION, encoder="theirs"))
    assert live.in_force is None
    assert not live.present.is_set()
    assert live.refused is not None
    publish(live, GENERATION)
    assert live.present.is_set()


def test_who_took_a_generation_keeps_it_while_another_comes(live: Live) -> None:
    publish(live, GENERATION)
    taken = live.in_force
    publish(live, replace(GENERATION, clusters=GENERATION.clusters[::-1]))
    assert taken is not None
    assert taken.generation.clusters == GENERATION.clusters
    assert live.in_force is not taken


# -- a candidate beside it

CANDIDATE = replace(GENERATION, created_at_ms=GENERATION.created_at_ms + 1)
EARLIER = replace(GENERATION, created_at_ms=GENERATION.created_at_ms - 1)


def beside(live: Live, made: Generation) -> str:
    return publish(live, made, role=Role.SHADOW)


def shadow_of(live: Live) -> str | None:
    in_force = live.in_force
    return None if in_force is None or in_force.shadow is None else in_force.shadow.id


def tombstones(live: Live, made: Generation) -> None:
    for key, _ in generation_records(made)[1]:
        live.on_generation(record(None, key=key, topic="tickets.generations"))
    live.swap()


def test_a_candidate_never_comes_into_force_by_itself(live: Live, registry: CollectorRegistry) -> None:
    beside(live, CANDIDATE)
    assert live.in_force is None
    assert not live.present.is_set()
    first = publish(live, GENERATION)
    assert live.in_force is not None
    assert (live.in_force.id, live.in_force.shadow is not None) == (first, True)
    assert (swaps(registry, "shadow"), swaps(registry, "in_force")) == (1, 1)


def test_the_last_candidate_is_the_one_and_outlives_a_new_generation(live: Live) -> None:
    publish(live, GENERATION)
    beside(live, EARLIER)
    last = beside(live, CANDIDATE)
    assert shadow_of(live) == last
    name = publish(live, replace(CANDIDATE, created_at_ms=CANDIDATE.created_at_ms + 1))
    assert live.in_force is not None
    assert (live.in_force.id, shadow_of(live)) == (name, last)


def test_a_candidate_that_is_promoted_is_in_force_alone(live: Live) -> None:
    publish(live, GENERATION)
    name = beside(live, CANDIDATE)
    assert publish(live, CANDIDATE) == name
    assert live.in_force is not None
    assert (live.in_force.id, live.in_force.shadow) == (name, None)


@pytest.mark.parametrize(
    "begun_late", [False, True], ids=["reads all the while", "reads what compaction left"]
)
def test_who_reads_later_agrees_on_a_promoted_one(live: Live, begun_late: bool) -> None:
    if not begun_late:
        beside(live, CANDIDATE)
    publish(live, GENERATION)
    name = publish(live, CANDIDATE)
    assert live.in_force is not None
    assert (live.in_force.id, live.in_force.shadow) == (name, None)


def test_a_candidate_that_is_dropped_is_gone_and_another_one_s_end_is_not_its_own(
    live: Live, registry: CollectorRegistry
) -> None:
    first = publish(live, GENERATION)
    beside(live, CANDIDATE)
    tombstones(live, EARLIER)
    assert shadow_of(live) is not None
    tombstones(live, CANDIDATE)
    assert shadow_of(live) is None
    tombstones(live, CANDIDATE)
    assert swaps(registry, "shadow_ended") == 1
    assert live.in_force is not None
    assert live.in_force.id == first


@pytest.mark.parametrize(
    ("made", "cut", "why"),
    [
        pytest.param(replace(CANDIDATE, encoder="theirs"), 0, "was made with encoder theirs", id="encoder"),
        pytest.param(replace(CANDIDATE, encoder="mine"), 1, "parts are missing", id="not whole"),
    ],
)
def test_a_candidate_that_cannot_decide_is_refused_and_nothing_waits_for_it(
    live: Live, registry: CollectorRegistry, made: Generation, cut: int, why: str
) -> None:
    with capture_logs() as said:
        publish(live, made, cut, Role.SHADOW)
    assert live.refused is None  # nobody ends for want of a candidate
    assert [(line["event"], why in line["why"]) for line in said] == [("shadow_refused", True)]
    assert (swaps(registry, "shadow_refused"), swaps(registry, "refused")) == (1, 0)
    publish(live, GENERATION)
    assert shadow_of(live) is None


def test_corrections_are_a_candidate_s_too(live: Live) -> None:
    publish(live, GENERATION)
    beside(live, CANDIDATE)
    correct(live, 6, None)
    assert live.in_force is not None
    assert live.in_force.shadow is not None
    assert live.in_force.corrections.revision == live.in_force.shadow.corrections.revision == 7


# -- corrections

MADE_MS = GENERATION.created_at_ms


def correct(live: Live, offset: int, value: bytes | None, key: str = "f-1") -> None:
    live.on_correction(
        record(value, offset=offset, partition=0, key=key.encode(), topic="tickets.corrections")
    )
    live.swap()


def correction(**more: object) -> bytes:
    fields: dict[str, object] = {
        "feedback_id": "f-1",
        "kind": "corrected",
        "ticket_id": "t-1",
        "cluster_id": "c-0",
        "owner": "access",
        "text": "the words of a ticket",
        "vector": text_of(EYE[0]),
        "encoder": "mine",
        "at": time_of(MADE_MS),
    }
    return encode(Correction.model_validate(fields | more))


def test_generation_and_corrections_are_taken_as_one(live: Live, registry: CollectorRegistry) -> None:
    correct(live, 4, correction())
    assert live.in_force is None
    publish(live, GENERATION)
    taken = live.in_force
    assert taken is not None
    assert (taken.corrections.revision, taken.corrections.owners) == (5, ("access",))
    np.testing.assert_array_equal(taken.corrections.vectors, EYE[:1])
    assert live.in_force is taken
    correct(live, 9, correction(feedback_id="f-2", ticket_id="t-2", owner="locks"), key="f-2")
    assert (taken.corrections.revision, len(taken.corrections.vectors)) == (5, 1)
    then = live.in_force
    assert then is not None
    assert (then.id, then.ready) == (taken.id, taken.ready)
    assert (then.corrections.revision, then.corrections.owners) == (10, ("access", "locks"))
    assert registry.get_sample_value("sluice_corrections_revision") == 10


def test_a_tombstone_moves_the_revision_on(live: Live) -> None:
    publish(live, GENERATION)
    correct(live, 0, correction())
    correct(live, 1, None)
    assert live.in_force is not None
    found = live.in_force.corrections
    assert (found.revision, found.owners, found.clusters) == (2, (), {})


def test_a_cluster_bound_by_people_is_its_new_owner_s_in_whatever_generation_names_it(live: Live) -> None:
    publish(live, GENERATION)
    correct(live, 0, correction(kind="bound", ticket_id=None, text=None, vector=None, encoder=None))
    for made in (GENERATION, replace(GENERATION, created_at_ms=MADE_MS + 1)):
        publish(live, made)
        assert live.in_force is not None
        assert live.in_force.corrections.clusters == {"c-0": (("access", 1.0),)}
    publish(live, replace(GENERATION, clusters=(Cluster("c-9", "new", "billing", 1), GENERATION.clusters[1])))
    assert live.in_force is not None
    assert live.in_force.corrections.clusters == {}


def test_corrections_are_read_with_the_lexicon_of_the_generation_in_force(live: Live) -> None:
    """The same correction stands beside each generation as a ticket of its text does."""
    correct(live, 0, correction(text="error 502 again"))
    publish(live, GENERATION)
    assert live.in_force is not None
    assert live.in_force.corrections.vectors.shape == (1, DIM)
    lexicon = fit_lexicon(["error 502 again", "sign in fails"] * 30, LexiconPolicy(components=3), 0.5)
    assert lexicon is not None
    wide = unit_rows(2, DIM + 3, 0)
    publish(live, replace(GENERATION, lexicon=lexicon, centroids=wide, exemplars=wide[:1].astype(np.float16)))
    expected = join(lexicon, ["error 502 again"], EYE[:1])
    np.testing.assert_array_equal(live.in_force.corrections.vectors, expected)
    assert expected[0, DIM:].any()


def test_what_is_in_force_stays_until_what_was_read_is_ready(live: Live) -> None:
    """Whoever asks meanwhile has the one before at once: nothing is made ready but by `swap`."""
    publish(live, GENERATION)
    before = live.in_force
    later = replace(GENERATION, created_at_ms=MADE_MS + 1)
    for key, value in generation_records(later)[1]:
        live.on_generation(record(value, key=key, topic="tickets.generations"))
        assert live.in_force is before
    live.on_correction(record(correction(), offset=0, key=b"f-1", topic="tickets.corrections"))
    assert live.in_force is before
    live.swap()
    assert live.in_force is not None
    assert live.in_force.generation.created_at_ms == later.created_at_ms
    assert live.in_force.corrections.owners == ("access",)


def test_of_several_read_at_once_the_last_alone_is_made_ready(
    live: Live, registry: CollectorRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a worker that starts reads them: all that were kept, and corrections between them."""
    built: list[int] = []

    def counted(made: Generation, build: IndexBuilder) -> Searchable:
        built.append(made.created_at_ms)
        return searchable(made, build)

    monkeypatch.setattr("agents.live.searchable", counted)
    for age in range(10):
        for key, value in generation_records(replace(GENERATION, created_at_ms=MADE_MS + age))[1]:
            live.on_generation(record(value, key=key, topic="tickets.generations"))
    live.swap()
    live.swap()
    assert built == [MADE_MS + 9]
    assert live.in_force is not None
    assert live.in_force.generation.created_at_ms == MADE_MS + 9
    assert swaps(registry, "in_force") == 1


def test_a_candidate_that_failed_while_another_one_was_made_ready_stays_gone(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(live, GENERATION)
    name = beside(live, CANDIDATE)

    def fail_meanwhile(made: Generation, build: IndexBuilder) -> Searchable:
        live.end_shadow(name, "failed")
        assert shadow_of(live) is None  # of the one in force, at once
        return searchable(made, build)

    monkeypatch.setattr("agents.live.searchable", fail_meanwhile)
    publish(live, replace(GENERATION, created_at_ms=MADE_MS + 5))
    assert live.in_force is not None
    assert (live.in_force.generation.created_at_ms, shadow_of(live)) == (MADE_MS + 5, None)
    correct(live, 0, correction())
    assert shadow_of(live) is None


def test_a_candidate_dropped_before_it_was_ready_never_was(live: Live, registry: CollectorRegistry) -> None:
    publish(live, GENERATION)
    records = generation_records(CANDIDATE, Role.SHADOW)[1]
    for key, value in [*records, *((key, None) for key, _ in records)]:
        live.on_generation(record(value, key=key, topic="tickets.generations"))
    live.swap()
    assert shadow_of(live) is None
    assert swaps(registry, "shadow") == 0


@pytest.mark.parametrize(
    ("made_ms", "contested"), [(MADE_MS, {"c-0"}), (MADE_MS + 1, set())], ids=["of its time", "of before it"]
)
def test_a_cluster_is_contested_by_what_was_corrected_since_the_generation_was_made(
    live: Live, made_ms: int, contested: set[str]
) -> None:
    correct(live, 0, correction())
    publish(live, replace(GENERATION, created_at_ms=made_ms))
    assert live.in_force is not None
    assert live.in_force.contested == contested


def test_an_act_on_a_cluster_is_known_again(live: Live) -> None:
    correct(live, 0, correction(kind="bound", ticket_id=None))
    assert live.stale("f-1", CorrectionKind.BOUND, "c-0", MADE_MS) == "repeated"
    assert live.stale("f-2", CorrectionKind.BOUND, "c-0", MADE_MS - 1) == "late"
    assert live.stale("f-2", CorrectionKind.RENAMED, "c-0", MADE_MS - 1) is None
    assert live.stale("f-2", CorrectionKind.BOUND, "c-0", MADE_MS) is None


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param(b"words of a customer", "not_json", id="no JSON"),
        pytest.param(b'{"feedback_id": "words of a customer"}', "missing_field", id="no correction"),
        pytest.param(correction(vector="AAAA", encoder="mine"), "bad_vector", id="vector of another length"),
    ],
)
def test_a_correction_that_cannot_be_read_is_told_of_and_passed_over(
    live: Live, registry: CollectorRegistry, value: bytes, why: str
) -> None:
    publish(live, GENERATION)
    with capture_logs() as said:
        correct(live, 7, value)
    assert said == [
        {
            "event": "state_unreadable",
            "log_level": "error",
            "reader": "corrections",
            "topic": "tickets.corrections",
            "partition": 0,
            "offset": 7,
            "why": why,
        }
    ]
    assert registry.get_sample_value("sluice_state_unreadable_total", {"reader": "corrections"}) == 1
    assert live.in_force is not None
    found = live.in_force.corrections
    assert (found.revision, found.owners, found.clusters) == (8, (), {})


def test_a_correction_of_another_version_of_sluice_ends_the_worker(live: Live) -> None:
    with pytest.raises(Fatal, match=r"tickets\.corrections was written by another version of Sluice"):
        correct(live, 0, b'{"schema_version": 2}')


# -- similar tickets


def test_a_solved_ticket_is_shown_with_its_cure(live: Live, registry: CollectorRegistry) -> None:
    held = solved("t-1", EYE[0], owner="billing", assigned_team="payments", kb_article_id="kb-1")
    live.on_state(state_record(held))
    ((found, score),) = live.similar(EYE[:1], 4, 0.5)[0]
    assert found == Solved("t-1", "title of t-1", "cure of t-1", "payments", "kb-1")
    assert score == pytest.approx(1.0, abs=1e-3)
    assert registry.get_sample_value("sluice_solved_tickets") == 1


def test_its_owner_is_who_was_decided_on_where_nobody_was_assigned(live: Live) -> None:
    live.on_state(state_record(solved("t-1", EYE[0], owner="billing")))
    ((found, _),) = live.similar(EYE[:1], 4, 0.5)[0]
    assert found.owner == "billing"


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"status": TicketStatus.OPEN}, id="open"),
        pytest.param({"resolution": None}, id="no resolution"),
        pytest.param({"resolution": ""}, id="empty resolution"),
        pytest.param({"vector": ""}, id="no vector"),
        pytest.param({"encoder": "theirs"}, id="of another encoder"),
    ],
)
def test_what_is_not_shown_and_what_leaves(
    live: Live, registry: CollectorRegistry, changed: dict[str, object]
) -> None:
    """A ticket in that state is never shown, and one that was leaves when its state becomes so."""
    live.on_state(state_record(solved("other", EYE[0])))
    live.on_state(state_record(solved("t-1", EYE[0], **changed)))
    assert shown(live, EYE[0]) == ["other"]
    live.on_state(state_record(solved("t-1", EYE[0])))
    assert sorted(shown(live, EYE[0])) == ["other", "t-1"]
    live.on_state(state_record(solved("t-1", EYE[0], **changed)))
    assert shown(live, EYE[0]) == ["other"]
    assert registry.get_sample_value("sluice_solved_tickets") == 1


def test_a_deleted_ticket_leaves(live: Live) -> None:
    live.on_state(state_record(solved("t-1", EYE[0])))
    live.on_state(state_record(solved("t-2", unit(1, 0.3, 0, 0))))
    live.on_state(state_record(None, "t-1"))
    live.on_state(state_record(None, "never seen"))
    assert shown(live, EYE[0], k=1) == ["t-2"]  # it takes nobody's place either


def test_a_record_without_key_changes_nothing(live: Live) -> None:
    live.on_state(record(b"anything", key=None))
    assert shown(live, EYE[0]) == []


@pytest.mark.parametrize(
    ("value", "why"),
    [
        pytest.param(b"words of a customer", "not_json", id="no JSON"),
        pytest.param(b'{"ticket_id": "words of a customer"}', "missing_field", id="no state"),
        pytest.param(encode(solved("t-1", EYE[0], vector="x")), "bad_vector", id="no vector"),
        pytest.param(encode(solved("t-1", EYE[0, :3])), "bad_vector", id="vector of another length"),
    ],
)
def test_a_state_that_cannot_be_read_is_told_of_and_shown_no_longer(
    live: Live, registry: CollectorRegistry, value: bytes, why: str
) -> None:
    live.on_state(state_record(solved("t-1", EYE[0])))
    with capture_logs() as said:
        live.on_state(record(value, offset=7, partition=3, key=b"t-1", topic="tickets.state"))
    live.on_state(state_record(solved("t-2", EYE[0])))
    assert shown(live, EYE[0]) == ["t-2"]
    assert said == [
        {
            "event": "state_unreadable",
            "log_level": "error",
            "reader": "similar",
            "topic": "tickets.state",
            "partition": 3,
            "offset": 7,
            "why": why,
        }
    ]
    assert registry.get_sample_value("sluice_state_unreadable_total", {"reader": "similar"}) == 1
    assert registry.get_sample_value("sluice_solved_tickets") == 1


def test_a_key_that_is_no_text_is_nobodys(live: Live) -> None:
    live.on_state(record(None, key=b"\xff", topic="tickets.state"))
    assert shown(live, EYE[0]) == []


def test_a_closed_ticket_with_a_cure_is_shown(live: Live) -> None:
    live.on_state(state_record(solved("t-1", EYE[0], status=TicketStatus.CLOSED)))
    assert shown(live, EYE[0]) == ["t-1"]


def test_a_ticket_solved_again_stands_once_with_its_last_words(live: Live) -> None:
    live.on_state(state_record(solved("t-1", EYE[0])))
    live.on_state(state_record(solved("t-1", EYE[1], resolution="better")))
    assert shown(live, EYE[0]) == []
    ((found, _),) = live.similar(EYE[1:2], 4, 0.5)[0]
    assert found.resolution == "better"


def test_nearest_first_none_under_the_floor_no_more_than_asked(live: Live) -> None:
    vectors = {
        "near": unit(1, 0.6, 0, 0),
        "nearer": unit(1, 0.3, 0, 0),
        "far": unit(1, 3, 0, 0),
        "same": EYE[0],
    }
    for name, vector in vectors.items():
        live.on_state(state_record(solved(name, vector)))
    assert shown(live, EYE[0], k=4, floor=0.5) == ["same", "nearer", "near"]
    assert shown(live, EYE[0], k=2, floor=0.5) == ["same", "nearer"]
    assert shown(live, EYE[0], k=4, floor=-1.0) == ["same", "nearer", "near", "far"]


def test_every_row_gets_its_own(live: Live) -> None:
    live.on_state(state_record(solved("x", EYE[0])))
    live.on_state(state_record(solved("y", EYE[1])))
    rows = live.similar(EYE[[1, 2, 0]], 2, 0.5)
    assert [[found.ticket_id for found, _ in row] for row in rows] == [["y"], [], ["x"]]
    assert live.similar(np.empty((0, DIM), dtype=np.float32), 2, 0.5) == []


def test_nobody_is_lost_when_the_index_is_rebuilt_for_many() -> None:
    """Past 20,000 tickets the lists are split; each is still found under its own vector, and can still leave."""
    live = Live("mine", 8, declare(CollectorRegistry()))
    rows = unit_rows(20_100, 8, 0)
    for number, row in enumerate(rows):
        live.on_state(state_record(solved(f"t-{number}", row)))
    asked = [0, 10_000, 20_000, 20_099]
    assert [f"t-{number}" in shown(live, rows[number], k=3) for number in asked] == [True] * 4
    live.on_state(state_record(None, "t-10000"))
    assert "t-10000" not in shown(live, rows[10_000], k=3)


# -- vectors in a state


def test_a_vector_comes_back_as_it_was_compared() -> None:
    for row in unit_rows(50, 32, 3):
        back = vector_of(text_of(row))
        np.testing.assert_array_equal(back, settle(row[None, :])[0])
        assert back.dtype == np.float32
        assert text_of(back) == text_of(row)
