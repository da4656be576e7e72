"""The figures of masking, held to cases worked by hand; and that no value is ever told."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli.command import build
from app.evaluate.masking import CLAIMS, SpannedText, Value, evaluate_masking, read_spanned
from app.files.lines import BadRow
from models.errors import Fatal
from models.routing.clean import CleanPolicy
from models.routing.mask import DEFAULT
from models.routing.masking.span import Kind
from tests.fakes.recogniser import Words


def spanned(marked: str, line: int = 1) -> SpannedText:
    """The text of `call <PHONE:13812345678> now`."""
    text, values = "", []
    for number, piece in enumerate(marked.replace(">", "<").split("<")):
        kind, _, value = piece.partition(":") if number % 2 else ("", "", piece)
        if kind:
            values.append(Value(kind, len(text), len(text) + len(value)))
        text += value
    return SpannedText(line, f"row {line}", text, tuple(values))


def report_on(*marked: str, **asked: Any) -> dict[str, Any]:
    texts = [spanned(text, line) for line, text in enumerate(marked, start=1)]
    return evaluate_masking(texts, asked.pop("policy", CleanPolicy()), **asked)


# `order 1381…` is called an order and stays, `1390…` is no value, the address is masked in part.
ROWS = (
    "call <PHONE_NUMBER:13812345678> or <EMAIL_ADDRESS:a@b.cn>",
    "order <PHONE_NUMBER:13812345678>",
    "nobody's 13912345678, <PERSON:Ann Lee>",
    "at <ADDRESS:Elm 13712345678>",
)


def test_figures_by_hand() -> None:
    report = report_on(*ROWS)
    assert report["recall"] == pytest.approx(2 / 3)
    assert report["leak_share"] == pytest.approx(11 / 26)
    assert report["precision"] == pytest.approx(2 / 4)
    assert (report["masks"], report["masks_on_other_types"], report["values"]) == (4, 1, 3)
    assert report["by_type"]["PHONE_NUMBER"] == {"n": 2, "recall": 0.5, "leak_share": 0.5, "claimed": True}
    assert report["by_type"]["EMAIL_ADDRESS"] == {"n": 1, "recall": 1.0, "leak_share": 0.0, "claimed": True}
    assert report["by_type"]["PERSON"] == {"n": 1, "recall": 0.0, "leak_share": 1.0, "claimed": False}
    assert report["by_type"]["ADDRESS"]["leak_share"] == pytest.approx(3 / 14)
    assert report["claims"] == {"EMAIL_ADDRESS": ["EMAIL"], "PHONE_NUMBER": ["PHONE"]}


def test_half_a_value_is_a_miss() -> None:
    policy = CleanPolicy(mask=DEFAULT | {Kind.NAME}, recogniser=Words({"Ann": Kind.NAME}))
    report = report_on("<PERSON:Ann Lee> asks", policy=policy)
    assert (report["recall"], report["leak_share"], report["precision"]) == (0.0, 0.5, 1.0)


def test_punctuation_and_blanks_of_a_value_tell_nothing() -> None:
    assert report_on("call <PHONE:(415) 555-2671 > or so")["recall"] == 1.0


def test_a_host_is_claimed_where_hosts_are_masked() -> None:
    text = "see <URL:https://ann.example.com/> please"
    assert report_on(text)["recall"] is None
    assert report_on(text, policy=CleanPolicy(mask=DEFAULT | {Kind.HOST}))["recall"] == 1.0


def test_a_kind_that_is_off_is_not_claimed() -> None:
    assert report_on(ROWS[0], policy=CleanPolicy(mask=frozenset({Kind.EMAIL})))["claims"] == {
        "EMAIL_ADDRESS": ["EMAIL"]
    }


def test_only_the_types_asked_for_count() -> None:
    report = report_on(*ROWS, types=["email_address"])
    assert set(report["by_type"]) == {"EMAIL_ADDRESS"}
    assert (report["recall"], report["masks"], report["precision"]) == (1.0, 2, 0.5)


def test_values_are_found_where_normalising_moved_them() -> None:
    text = "<p>１３８  ok</p>\n\ncall  <PHONE:１３８ １２３４ ５６７８>, 1\u200b2"
    marked = text.replace("<p>", "").replace("</p>", "")
    assert report_on(marked)["recall"] == 1.0


def test_of_equal_values_each_is_looked_at_in_its_place() -> None:
    """One is called an order and stays, the other does not."""
    report = report_on("PHONE <PHONE:12345678>, code <PHONE:12345678x>", misses=9)
    assert [miss["start"] for miss in report["misses"]] == [21]


def test_misses_say_where_and_never_what() -> None:
    report = report_on(*ROWS, misses=1)
    assert report["misses"] == [{"id": "row 2", "line": 2, "type": "PHONE_NUMBER", "start": 6, "end": 17}]
    assert report_on(*ROWS)["misses"] == []
    assert "13812345678" not in json.dumps(report)


def test_nothing_labelled() -> None:
    report = report_on("call 13812345678")
    assert (report["recall"], report["leak_share"], report["precision"]) == (None, None, 0.0)
    assert report_on("nothing")["precision"] is None


def test_every_kind_can_be_claimed() -> None:
    beside = {Kind.URL}  # what is left of an address once its host is gone; nobody labels that
    assert frozenset().union(*CLAIMS.values()) == frozenset(Kind) - beside


# -- reading

GOOD = {"id": "a", "text": "call 1234", "spans": [{"type": "phone", "start": 5, "end": 9, "value": "1234"}]}

BAD: dict[str, Any] = {
    "no text": {"spans": []},
    "no spans": {"text": "a"},
    "spans are no list": {"text": "a", "spans": {}},
    "a span is no object": {"text": "a", "spans": ["a"]},
    "no type": {"text": "a", "spans": [{"start": 0, "end": 1}]},
    "no end": {"text": "a", "spans": [{"type": "X", "start": 0}]},
    "beyond the text": {"text": "a", "spans": [{"type": "X", "start": 0, "end": 2}]},
    "empty": {"text": "a", "spans": [{"type": "X", "start": 1, "end": 1}]},
    "another value": {"text": "secret", "spans": [{"type": "X", "start": 0, "end": 6, "value": "other"}]},
}


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "pii.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_reads_texts_with_their_values(tmp_path: Path) -> None:
    bare = {"text": "x", "spans": []}
    found = read_spanned(written(tmp_path, GOOD, bare), lambda row: pytest.fail(row.reason))
    assert found == [
        SpannedText(1, "a", "call 1234", (Value("PHONE", 5, 9),)),
        SpannedText(2, "pii.jsonl:2", "x", ()),
    ]


@pytest.mark.parametrize("row", BAD.values(), ids=BAD.keys())
def test_a_bad_row_is_left_out_and_not_quoted(tmp_path: Path, row: dict[str, Any]) -> None:
    bad: list[BadRow] = []
    assert len(read_spanned(written(tmp_path, GOOD, row), bad.append)) == 1
    assert [one.line for one in bad] == [2]
    assert "secret" not in bad[0].reason


def test_a_file_without_a_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="no text with spans"):
        read_spanned(written(tmp_path, {"text": 1}), lambda row: None)


# -- the command


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = []
    for text in map(spanned, ROWS):
        spans = [{"type": value.type, "start": value.start, "end": value.end} for value in text.values]
        rows.append({"text": text.text, "spans": spans})
    return written(tmp_path, *rows, {"text": 1})


def test_the_command_prints_figures_for_machines(file: Path) -> None:
    result = CliRunner().invoke(build(), ["evaluate", "masking", str(file), "--json", "--misses", "5"])
    assert result.exit_code == 0, result.output
    report = json.loads(result.stdout)
    assert {"recall", "precision", "leak_share", "by_type"} <= set(report)
    assert (report["bad_rows"], len(report["misses"])) == (1, 1)


def test_the_command_prints_figures_for_people_and_no_text(file: Path) -> None:
    result = CliRunner().invoke(build(), ["evaluate", "masking", str(file), "--misses", "5"])
    assert result.exit_code == 0, result.output
    assert "PHONE_NUMBER: pii.jsonl:2, line 2, characters 6 to 17" in result.output
    assert "not claimed" in result.output
    assert "12345678" not in result.output
    assert "Ann" not in result.output


def test_the_command_masks_more_on_request(file: Path) -> None:
    result = CliRunner().invoke(build(), ["evaluate", "masking", str(file), "--json", "--mask", "host"])
    assert "HOST" in json.loads(result.stdout)["mask"]
    other = CliRunner().invoke(build(), ["evaluate", "masking", str(file), "--mask", "face"])
    assert isinstance(other.exception, Fatal)
