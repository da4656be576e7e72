"""What the demo learns from and replays: halves of a labelled file, or the sample with broken records among it."""

from collections import Counter
from pathlib import Path

import orjson
import pytest

from app.demo.history import generate
from app.demo.report import Truth
from app.demo.sources import Source, from_file, from_sample
from models.errors import Fatal
from schemas.codec import Limits, Unreadable, decode_ticket
from schemas.ticket import TicketEventKind

NOW_MS = 1_790_000_000_000


def write(folder: Path, *rows: dict[str, object]) -> Path:
    path = folder / "t.jsonl"
    path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))
    return path


def labelled(**sizes: int) -> list[dict[str, object]]:
    return [
        {"text": f"{label} says {n}", "label": label} for label, size in sizes.items() for n in range(size)
    ]


def halves(source: Source) -> tuple[Counter[str | None], Counter[str | None]]:
    """Labels of the history and of the replay."""
    return (
        Counter(item.event.assigned_team for item in source.past),
        Counter(truth.owner for truth in source.truths.values()),
    )


def test_each_label_is_halved_and_the_odd_one_is_history(tmp_path: Path) -> None:
    path = write(tmp_path, *labelled(mobile=6, payments=5, rare=1))
    source = from_file(path, "text", "label", 7, NOW_MS)
    assert halves(source) == ({"mobile": 3, "payments": 3, "rare": 1}, {"mobile": 3, "payments": 2})


def test_every_text_is_used_once_and_under_its_own_label(tmp_path: Path) -> None:
    source = from_file(write(tmp_path, *labelled(mobile=20, payments=20)), "text", "label", 7, NOW_MS)
    sent = [decode_ticket(record.value, Limits()) for record in source.sent]
    texts = [event.description for event in (*(item.event for item in source.past), *sent)]
    assert Counter(texts) == Counter(str(row["text"]) for row in labelled(mobile=20, payments=20))
    for item in source.past:
        assert item.event.event is TicketEventKind.CLOSED
        assert item.event.description.split()[0] == item.event.assigned_team
    for record, event in zip(source.sent, sent, strict=True):
        assert event.event is TicketEventKind.CREATED
        assert event.assigned_team is None
        assert record.ticket_id == event.ticket_id
        assert source.truths[event.ticket_id] == Truth(event.description.split()[0])
    ids = [*(item.event.ticket_id for item in source.past), *(event.ticket_id for event in sent)]
    assert len(set(ids)) == len(ids)
    assert [event.description for event in sent] != sorted(event.description for event in sent)


def test_the_seed_decides_who_is_history(tmp_path: Path) -> None:
    path = write(tmp_path, *labelled(mobile=30, payments=30))
    same, again, other = (from_file(path, "text", "label", seed, NOW_MS) for seed in (7, 7, 8))
    assert (same.past, same.sent, same.truths) == (again.past, again.sent, again.truths)
    assert {item.event.description for item in same.past} != {item.event.description for item in other.past}
    assert halves(same) == halves(other)


def test_texts_of_several_columns_are_joined(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"title": f"T{n}", "body": f"B{n}", "team": "a"} for n in range(10)]
    source = from_file(write(tmp_path, *rows), "title+body", "team", 7, NOW_MS)
    assert {item.event.description for item in source.past} <= {f"T{n}\nB{n}" for n in range(10)}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        pytest.param({"text": "no label", "label": ""}, "label: no label", id="no-label"),
        pytest.param({"text": " ", "label": "a"}, "text: no text", id="no-text"),
        pytest.param({"text": "x", "label": "a" * 201}, "assigned_team: ", id="long-label"),
        pytest.param({"text": "x" * 100_001, "label": "a"}, "description: ", id="long-text"),
        pytest.param({"text": "x", "label": "a", "lang": "e" * 201}, "language: ", id="long-language"),
    ],
)
def test_a_row_that_cannot_be_used_is_told_of_and_left_out(
    tmp_path: Path, row: dict[str, object], reason: str
) -> None:
    source = from_file(write(tmp_path, *labelled(a=10), row), "text", "label", 7, NOW_MS)
    assert len(source.past) + len(source.sent) == 10
    (bad,) = source.bad_rows
    assert bad.line == 11
    assert bad.reason.startswith(reason)
    assert "xxx" not in bad.reason


@pytest.mark.parametrize(
    ("rows", "text", "said"),
    [
        pytest.param(labelled(a=9), "text", "t.jsonl: 9 labelled texts; a demo needs at least 10", id="few"),
        pytest.param(labelled(a=10), "body", "t.jsonl: no column body; its columns are: text, label", id="column"),
    ],
)  # fmt: skip
def test_a_file_of_no_use_is_one_line(
    tmp_path: Path, rows: list[dict[str, object]], text: str, said: str
) -> None:
    with pytest.raises(Fatal) as caught:
        from_file(write(tmp_path, *rows), text, "label", 7, NOW_MS)
    assert str(caught.value) == said


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="cannot be read"):
        from_file(tmp_path / "t.csv", "text", "label", 7, NOW_MS)


def test_the_sample_is_replayed_in_order_with_broken_records_spread_among_it() -> None:
    source, sample = from_sample(7, NOW_MS), generate(7, NOW_MS)
    order = [record.ticket_id for record in source.sent if record.ticket_id is not None]
    assert order == [ticket.event.ticket_id for ticket in sample.replay]
    broken = [number for number, record in enumerate(source.sent) if record.ticket_id is None]
    assert [source.sent[number].value for number in broken] == list(sample.malformed)
    gaps = [late - early for early, late in zip([0, *broken], [*broken, len(source.sent)], strict=True)]
    assert min(gaps) > 0.5 * len(source.sent) / len(gaps)
    readable = 0
    for record in source.sent:
        try:
            readable += decode_ticket(record.value, Limits()).ticket_id == record.ticket_id
        except Unreadable:
            assert record.ticket_id is None
    assert readable == len(order)


def test_the_sample_brings_its_truths_teams_and_secrets() -> None:
    source, sample = from_sample(7, NOW_MS), generate(7, NOW_MS)
    assert source.truths == {t.event.ticket_id: Truth(t.team, t.problem) for t in sample.replay}
    assert source.teams == list(sample.teams)
    assert len(source.secrets) == sum(len(t.secrets) for t in (*sample.past, *sample.replay)) > 300
    assert len(source.past) == len(sample.past)
    assert not source.bad_rows
