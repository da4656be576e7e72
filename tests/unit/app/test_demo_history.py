"""The sample history: as large, as mixed, as truthful and as malformed as the demo's report takes it to be."""

import json
import re
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from stdnum import luhn
from stdnum.cn import ric

from agents.intake import ticket_of, version_of
from app.demo import history
from app.demo.history import SampleHistory, SampleTicket, generate, held_out
from app.demo.personal import invent
from app.demo.problems import NEW_PROBLEM, SURGING_PROBLEM, load_owners, load_phrases, load_problems
from models.errors import Invalid
from models.routing.clean import CleanPolicy, CleanTicket, clean
from schemas.codec import Limits, Unreadable, decode_ticket, encode
from schemas.contract import time_of
from schemas.ticket import TicketEvent, TicketEventKind

NOW_MS = 1_790_000_000_000
SCHEMA = Path(__file__).resolve().parents[3] / "schemas/json/ticket.v1.schema.json"

HEARD = [w for problem in load_problems() for voice in problem.voices.values() for w in voice.heard]
FRESH = [w for problem in load_problems() for voice in problem.voices.values() for w in voice.fresh]


@pytest.fixture(scope="module")
def sample() -> SampleHistory:
    return generate(7, NOW_MS)


@pytest.fixture(scope="module")
def everything(sample: SampleHistory) -> list[SampleTicket]:
    return [*sample.past, *sample.replay]


def cleaned(event: TicketEvent) -> CleanTicket:
    version, _ = version_of(event, NOW_MS)
    return clean(ticket_of(event, version), CleanPolicy())


def as_bytes(sample: SampleHistory) -> list[bytes]:
    return [encode(ticket.event) for ticket in (*sample.past, *sample.replay)]


def test_problems_and_teams_are_many() -> None:
    problems = load_problems()
    assert len({problem.id for problem in problems} - {NEW_PROBLEM}) >= 40
    assert len({problem.id for problem in problems}) == len(problems)
    assert len(load_owners()) == 12
    assert {problem.team for problem in problems} == {owner.name for owner in load_owners()}


def test_the_history_is_large_and_knows_all_problems_but_the_new_one(sample: SampleHistory) -> None:
    assert len(sample.past) >= 3_000
    known = {problem.id for problem in load_problems()} - {NEW_PROBLEM}
    counts = Counter(ticket.problem for ticket in sample.past)
    assert set(counts) == known
    assert min(counts.values()) >= 20
    assert sample.teams == load_owners()


def test_every_past_ticket_was_solved_by_the_team_of_its_problem(sample: SampleHistory) -> None:
    by_id = {problem.id: problem for problem in load_problems()}
    for ticket in sample.past:
        event, problem = ticket.event, by_id[ticket.problem or ""]
        assert event.event is TicketEventKind.RESOLVED
        assert event.assigned_team == ticket.team == problem.team
        assert event.resolution in problem.resolutions
        assert event.resolution
        assert event.kb_article_id == problem.kb
        assert event.updated_at is not None
        assert event.created_at < event.updated_at <= time_of(NOW_MS)


def test_what_is_replayed_says_nothing_of_its_solution(sample: SampleHistory) -> None:
    for ticket in sample.replay:
        event = ticket.event
        assert event.event is TicketEventKind.CREATED
        assert (event.assigned_team, event.resolution, event.kb_article_id) == (None, None, None)


def test_about_six_in_ten_write_chinese(everything: list[SampleTicket]) -> None:
    told = [ticket for ticket in everything if ticket.problem is not None]
    chinese = [ticket for ticket in told if re.search("[\u4e00-\u9fff]", ticket.event.description)]
    assert 0.55 <= sum(ticket.event.language == "zh" for ticket in told) / len(told) <= 0.65
    assert 0.55 <= len(chinese) / len(told) <= 0.65


def test_wordings_of_history_and_replay_are_disjoint(sample: SampleHistory) -> None:
    assert not set(HEARD) & set(FRESH)
    assert not [w for ticket in sample.replay for w in HEARD if w in ticket.event.description]
    assert not [w for ticket in sample.past for w in FRESH if w in ticket.event.description]
    assert sum(w in ticket.event.description for ticket in sample.past for w in HEARD) > 2_000
    past = {ticket.event.description for ticket in sample.past}
    assert not past & {ticket.event.description for ticket in sample.replay}


def test_rows_are_held_out_by_wording(sample: SampleHistory) -> None:
    rows = held_out(sample, "zh")["by_wording"]
    learnt, asked = ([row for row in rows if row["split"] == split] for split in ("train", "test"))
    assert not [row for row in learnt if any(wording in row["text"] for wording in FRESH)]
    heard = [wording for wording in HEARD if len(wording) > 8]  # a few of the short ones are titles too
    assert not [row for row in asked if any(wording in row["text"] for wording in heard)]
    assert {row["label"] for row in asked} <= {row["label"] for row in learnt} | {"oos"}
    assert len(learnt) > 1_500
    assert len(asked) > 300


@pytest.mark.parametrize("language", ["zh", "en"])
def test_rows_are_held_out_by_problem(sample: SampleHistory, language: str) -> None:
    rows = held_out(sample, language)["by_problem"]
    learnt = {row["text"] for row in rows if row["split"] == "train"}
    asked = {row["text"] for row in rows if row["split"] == "test"}
    told = {
        wording: problem.id
        for problem in load_problems()
        for wording in (*problem.voices[language].heard, *problem.voices[language].fresh)
    }

    def problems(texts: set[str]) -> set[str]:
        return {problem for wording, problem in told.items() for text in texts if wording in text}

    assert NEW_PROBLEM in problems(asked)
    assert len(problems(asked)) >= 9
    assert len(problems(learnt)) > 30
    assert not problems(learnt) & problems(asked)


def test_the_replay_begins_where_the_history_ends(sample: SampleHistory) -> None:
    start = time_of(NOW_MS) - timedelta(hours=history.REPLAY_HOURS)
    past = [ticket.event.created_at for ticket in sample.past]
    replay = [ticket.event.created_at for ticket in sample.replay]
    assert (past, replay) == (sorted(past), sorted(replay))
    assert start - timedelta(days=history.PAST_DAYS) <= past[0]
    assert past[-1] < start <= replay[0]
    assert replay[-1] <= time_of(NOW_MS)


def test_ids_never_repeat(everything: list[SampleTicket]) -> None:
    assert len({ticket.event.ticket_id for ticket in everything}) == len(everything)


def rate_an_hour(tickets: list[SampleTicket], hours: float) -> float:
    return sum(ticket.problem == SURGING_PROBLEM for ticket in tickets) / hours


@pytest.mark.parametrize("seed", [7, 8, 9])
def test_one_known_problem_multiplies_in_the_last_hours(seed: int) -> None:
    sample = generate(seed, NOW_MS)
    since = time_of(NOW_MS) - timedelta(hours=history.SURGE_HOURS)
    late = [ticket for ticket in sample.replay if ticket.event.created_at >= since]
    early = [ticket for ticket in sample.replay if ticket.event.created_at < since]
    usual = rate_an_hour(list(sample.past), history.PAST_DAYS * 24)
    assert usual > 0
    busiest_hour = usual * 24 * 0.1  # the busiest hour of a day has less than a tenth of its tickets
    assert rate_an_hour(late, history.SURGE_HOURS) >= 4 * max(usual, busiest_hour)
    assert rate_an_hour(early, history.REPLAY_HOURS - history.SURGE_HOURS) < 4 * usual


def test_a_problem_never_seen_appears_in_the_last_hours(sample: SampleHistory) -> None:
    since = time_of(NOW_MS) - timedelta(hours=history.NEW_HOURS)
    new = [ticket.event.created_at for ticket in sample.replay if ticket.problem == NEW_PROBLEM]
    assert len(new) == history.NEW
    assert min(new) > since


def test_off_topic_tickets_have_no_owner(sample: SampleHistory) -> None:
    off_topic = [ticket for ticket in sample.replay if ticket.team is None]
    assert len(off_topic) == history.OFF_TOPIC
    assert {ticket.event.description for ticket in off_topic} <= set(load_phrases()["off_topic"]["texts"])
    assert all(ticket.problem is None and not ticket.secrets for ticket in off_topic)


def test_secrets_stand_in_the_texts(everything: list[SampleTicket]) -> None:
    """The demo counts planted secrets that come out; a secret that was never in would make that count worthless."""
    telling = [ticket for ticket in everything if ticket.secrets]
    assert 0.1 <= len(telling) / len(everything) <= 0.2
    for ticket in telling:
        assert all(secret in ticket.event.description for secret in ticket.secrets)


FORMS: dict[str, Callable[[str], Any]] = {
    "phone": re.compile(r"(\+86 )?1[3578]\d([ -]?)\d{4}\2\d{4}").fullmatch,
    "phone_en": re.compile(r"\(\d{3}\) \d{3}-\d{4}").fullmatch,
    "identity": ric.is_valid,
    "card": lambda written: luhn.is_valid(written.replace(" ", "")) and len(written.replace(" ", "")) == 16,
    "email": re.compile(r"[a-z]+\.[a-z]+\d+@example\.(com|net|org)").fullmatch,
    "wechat": re.compile(r"[a-z]+_\d{5}").fullmatch,
    "plate": re.compile(r"[\u4e00-\u9fff][A-HJ-NP-Z]{2}\d{4}").fullmatch,
    "ip": re.compile(r"\d{1,3}(\.\d{1,3}){3}").fullmatch,
    "url": re.compile(r"https://share\.example\.com/v/\d{3}\?token=\w{24}").fullmatch,
}


@pytest.mark.parametrize("field", FORMS)
def test_invented_data_are_valid_by_form_and_checksum(field: str) -> None:
    chance = Random(1)
    made = [invent(field, chance) for _ in range(300)]
    assert all(FORMS[field](secret.written) and secret.field == field for secret in made)
    assert len({secret.written for secret in made}) > 100


def test_every_phrase_asks_for_data_that_can_be_invented() -> None:
    asked = {
        name for language in ("zh", "en") for phrase in load_phrases()[language]["personal"]
        for name in re.findall(r"{(\w+)}", phrase)
    }  # fmt: skip
    assert asked == set(FORMS)


def test_the_same_arguments_give_the_same_bytes_and_another_seed_does_not(sample: SampleHistory) -> None:
    assert as_bytes(generate(7, NOW_MS)) == as_bytes(sample)
    other = generate(8, NOW_MS)
    assert not set(as_bytes(other)) & set(as_bytes(sample))
    assert (len(other.past), len(other.replay)) == (len(sample.past), len(sample.replay))


def test_another_instant_moves_the_times_alone(sample: SampleHistory) -> None:
    later = generate(7, NOW_MS + 7 * 86_400_000)
    moved = [ticket.event.created_at - timedelta(days=7) for ticket in later.past]
    assert moved == [ticket.event.created_at for ticket in sample.past]


def test_every_ticket_keeps_to_the_contract_and_can_be_cleaned(everything: list[SampleTicket]) -> None:
    schema = Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
    for ticket in everything:
        value = encode(ticket.event)
        assert decode_ticket(value, Limits()) == ticket.event
        assert schema.is_valid(json.loads(value))
        assert cleaned(ticket.event).text


def test_no_placeholder_is_left(everything: list[SampleTicket]) -> None:
    assert not [ticket for ticket in everything if re.search(r"[{}]", ticket.event.description)]


def test_malformed_records_are_refused_each_for_a_reason_of_its_own(sample: SampleHistory) -> None:
    reasons = []
    for value in sample.malformed:
        try:
            cleaned(decode_ticket(value, Limits()))
        except (Unreadable, Invalid) as error:
            reasons.append(str(error.reason))
    assert len(reasons) == len(sample.malformed)
    assert len(reasons) >= 5
    assert len(set(reasons)) == len(reasons)


def test_it_can_be_written_for_a_person_to_look_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["history", "--seed", "3", "--out", str(tmp_path / "new")])
    history.main()
    sizes = {path.name: path.stat().st_size for path in (tmp_path / "new").iterdir()}
    labelled = {
        f"{language}_by_{what}.jsonl.gz" for language in ("zh", "en") for what in ("wording", "problem")
    }
    assert sizes.keys() == {"history.jsonl.gz", "replay.jsonl.gz", *labelled}
    assert min(sizes.values()) > 10_000
