"""Files read as rows: formats, line numbers, and what a broken row costs."""

import gzip
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.files.lines import MAX_RECORD_BYTES, BadRow
from app.files.rows import Row, read_columns, read_rows
from models.errors import Fatal


def _written(folder: Path, name: str, content: str | bytes) -> Path:
    raw = content.encode() if isinstance(content, str) else content
    path = folder / name
    path.write_bytes(gzip.compress(raw) if name.lower().endswith(".gz") else raw)
    return path


def _read(path: Path) -> list[tuple[int, object]]:
    return [(item.line, item.values if isinstance(item, Row) else item.reason) for item in read_rows(path)]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        pytest.param(
            "a.csv",
            "id,text\n1,x\n2,y\n",
            [(2, {"id": "1", "text": "x"}), (3, {"id": "2", "text": "y"})],
            id="csv",
        ),
        pytest.param(
            "a.CSV.GZ", "id,text\n1,x\n", [(2, {"id": "1", "text": "x"})], id="capitals-are-no-other-format"
        ),
        pytest.param("a.tsv", "id\ttext\n1\tx, y\n", [(2, {"id": "1", "text": "x, y"})], id="tsv"),
        pytest.param("a.csv.gz", "id,text\n1,x\n", [(2, {"id": "1", "text": "x"})], id="csv-gz"),
        pytest.param("a.csv", "id,text\r\n1,x\r\n", [(2, {"id": "1", "text": "x"})], id="crlf"),
        pytest.param("a.csv", "id,text\n1,x", [(2, {"id": "1", "text": "x"})], id="no-end-of-the-last-line"),
        pytest.param("a.csv", "\ufeffid,text\n1,x\n", [(2, {"id": "1", "text": "x"})], id="byte-order-mark"),
        pytest.param("a.csv", " id , text \n1,x\n", [(2, {"id": "1", "text": "x"})], id="space-around-names"),
        pytest.param(
            "a.csv", ",text\n7,x\n", [(2, {"column 1": "7", "text": "x"})], id="column-without-a-name"
        ),
        pytest.param("a.csv", "id,text\n\n1,x\n\n", [(3, {"id": "1", "text": "x"})], id="blank-lines"),
        pytest.param(
            "a.csv",
            'id,text\n1,"a\nb\n\nc"\n2,y\n',
            [(2, {"id": "1", "text": "a\nb\n\nc"}), (6, {"id": "2", "text": "y"})],
            id="quoted-line-ends-keep-the-line-of-the-start",
        ),
        pytest.param(
            "a.csv", 'id,text\n1,"say ""hi"""\n', [(2, {"id": "1", "text": 'say "hi"'})], id="doubled-quote"
        ),
        pytest.param(
            "a.csv",
            'id,text\n1,5" pipe\n',
            [(2, {"id": "1", "text": '5" pipe'})],
            id="quote-inside-a-plain-field",
        ),
        pytest.param("a.csv", "id,text\n1,a\0b\n", [(2, {"id": "1", "text": "a\0b"})], id="nul-is-passed-on"),
        pytest.param("a.csv", "id,text\n", [], id="header-alone"),
        pytest.param(
            "a.jsonl",
            '{"id":1,"t":["x"]}\n\n{"id":2}\n',
            [(1, {"id": 1, "t": ["x"]}), (3, {"id": 2})],
            id="jsonl",
        ),
        pytest.param("a.ndjson.gz", '{"id":1}', [(1, {"id": 1})], id="ndjson-gz"),
        pytest.param("a.json", '\ufeff{"id":1}\r\n', [(1, {"id": 1})], id="json-lines-with-bom-and-crlf"),
        pytest.param("a.jsonl", "", [], id="empty-json-lines"),
    ],
)
def test_rows_come_with_the_line_they_begin_at(
    tmp_path: Path, name: str, content: str, expected: list[tuple[int, object]]
) -> None:
    assert _read(_written(tmp_path, name, content)) == expected


@pytest.mark.parametrize(
    ("name", "content", "bad", "good"),
    [
        pytest.param(
            "a.csv", "id,t\n1\n2,y\n", {2: "1 columns, the header has 2"}, [3], id="too-few-columns"
        ),
        pytest.param(
            "a.csv", "id,t\n1,x,z\n2,y\n", {2: "3 columns, the header has 2"}, [3], id="too-many-columns"
        ),
        pytest.param("a.csv", 'id,t\n1,"x"y\n2,y\n', {2: "malformed"}, [3], id="text-after-a-closing-quote"),
        pytest.param(
            "a.csv", 'id,t\n1,"x\n2,y\n3,z\n', {2: "not closed"}, [3, 4], id="open-quote-costs-its-line-alone"
        ),
        pytest.param("a.csv", 'id,t\n1,x\n2,"', {3: "not closed"}, [2], id="open-quote-at-the-end"),
        pytest.param(
            "a.csv",
            'id,t\n1,"x\n2,"y\n3,"z\n4,w\n',
            {2: "malformed", 3: "malformed", 4: "not closed"},
            [5],
            id="open-quotes-in-a-row",
        ),
        pytest.param("a.jsonl", '{"id":1}\nnope\n{"id":2}\n', {2: "is not JSON"}, [1, 3], id="no-json"),
        pytest.param(
            "a.jsonl",
            '{"id":1}\n[1]\n3\nnull\n',
            {2: "no JSON object", 3: "no JSON object", 4: "no JSON object"},
            [1],
            id="no-object",
        ),
        pytest.param("a.jsonl", '{"id":NaN}\n{"id":2}\n', {1: "is not JSON"}, [2], id="not-a-number"),
        pytest.param("a.jsonl", '{"id":"\\ud800"}\n{"id":2}\n', {1: "is not JSON"}, [2], id="lone-surrogate"),
        pytest.param(
            "a.jsonl", '{"a":' * 3000 + "1" + "}" * 3000 + '\n{"id":2}\n', {1: "is not JSON"}, [2], id="deep"
        ),
        pytest.param("a.jsonl", '{"id":1}\n{"id":', {2: "is not JSON"}, [1], id="cut-off"),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_read(
    tmp_path: Path, name: str, content: str, bad: dict[int, str], good: list[int]
) -> None:
    items = list(read_rows(_written(tmp_path, name, content)))
    reasons = {item.line: item.reason for item in items if isinstance(item, BadRow)}
    assert reasons.keys() == bad.keys()
    assert all(part in reasons[line] for line, part in bad.items())
    assert [item.line for item in items if isinstance(item, Row)] == good


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        pytest.param(
            "a.xlsx", b"", "its extension is none of .csv, .tsv, .jsonl, .ndjson, .json", id="extension"
        ),
        pytest.param("a.gz", b"", "its extension is none of", id="gz-of-nothing"),
        pytest.param("a.csv", b"", "a header with the columns' names is needed", id="empty-csv"),
        pytest.param("a.csv", b"id,t,id\n", "names a column twice: id", id="column-twice"),
        pytest.param("a.csv", b'"id\n1,2\n', "line 1, the header", id="header-malformed"),
        pytest.param(
            "a.csv", b"id,t\n1,ok\n2,caf\xe9\n", "line 3, byte 6 of the line: not UTF-8", id="latin-1"
        ),
        pytest.param(
            "a.jsonl", b'{"t":"\xff"}\n', "line 1, byte 7 of the line: not UTF-8", id="latin-1-json"
        ),
        pytest.param("a.csv", "id,t\n".encode("utf-16"), "it is UTF-16", id="utf-16"),
        pytest.param("a.jsonl", b'\n[{"id":1}]', "one JSON array", id="json-array"),
    ],
)
def test_a_file_of_no_use_is_refused(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    with pytest.raises(Fatal, match=message.replace("(", r"\(")):
        list(read_rows(_written(tmp_path, name, content)))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="cannot be read"):
        list(read_rows(tmp_path / "none.csv"))


def test_what_is_called_gzipped_and_is_not_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"id,text\n1,x\n")
    with pytest.raises(Fatal, match="is not gzipped"):
        list(read_rows(path))


def _gzipped_rows(count: int) -> bytes:
    # Random-looking ids keep the compression from putting everything into one block that is lost as a whole.
    return gzip.compress(b"".join(b'{"id":"%d-%d"}\n' % (i, i * 7919 % 10_007) for i in range(count)))


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        pytest.param(lambda raw: raw[: len(raw) // 2], "breaks off", id="cut-in-half"),
        pytest.param(lambda raw: raw[:-4], "breaks off", id="cut-in-the-checksum"),
        pytest.param(lambda raw: raw[:-8] + bytes(4) + raw[-4:], "damaged", id="wrong-checksum"),
        pytest.param(lambda raw: raw + b"more", "damaged", id="something-after-it"),
    ],
)
def test_a_damaged_gzip_file_gives_the_rows_before_the_damage(
    tmp_path: Path, damage: Callable[[bytes], bytes], reason: str
) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(damage(_gzipped_rows(20_000)))
    *rows, last = read_rows(path)
    assert isinstance(last, BadRow)
    assert reason in last.reason
    assert last.line == len(rows) + 1
    assert len(rows) > 1_000
    assert all(isinstance(row, Row) for row in rows)


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_line_too_long_is_one_bad_row(tmp_path: Path, name: str) -> None:
    head, good = ("id\n", "1\n") if name == "a.csv" else ("", '{"id":"1"}\n')
    path = _written(tmp_path, name, head + good + "x" * (2 * MAX_RECORD_BYTES) + "\n" + good)
    first, long, last = read_rows(path)
    assert isinstance(long, BadRow)
    assert f"at most {MAX_RECORD_BYTES} bytes" in long.reason
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert last.line == long.line + 1 == first.line + 2


def test_a_huge_field_is_read(tmp_path: Path) -> None:
    path = _written(tmp_path, "a.csv", "id,text\n1," + "x" * 1_000_000 + "\n")
    (row,) = read_rows(path)
    assert isinstance(row, Row)
    assert row.values["text"] == "x" * 1_000_000


def test_a_line_too_long_inside_quotes_is_told_after_the_record_it_broke(tmp_path: Path) -> None:
    path = _written(tmp_path, "a.csv", 'id\n"a\nb\n' + "x" * (MAX_RECORD_BYTES + 1) + "\n2\n")
    assert [(line, isinstance(what, dict)) for line, what in _read(path)] == [
        (2, False),
        (3, True),
        (4, False),
        (5, True),
    ]


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = _written(tmp_path, "a.csv.gz", "id,text\n" + "".join(f"{i},{'x' * 500}\n" for i in range(20_000)))
    tracemalloc.start()
    try:
        assert sum(1 for _ in read_rows(path)) == 20_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000  # the file holds 10 MB


@pytest.mark.parametrize(
    ("name", "content", "columns"),
    [
        pytest.param("a.csv", "id,text\n", ("id", "text"), id="header-alone"),
        pytest.param("a.jsonl", '{"b":1}\nnope\n{"a":1,"b":2}\n', ("b", "a"), id="keys-of-all"),
        pytest.param("a.jsonl", "", (), id="nothing"),
    ],
)
def test_columns_of_a_file(tmp_path: Path, name: str, content: str, columns: tuple[str, ...]) -> None:
    assert read_columns(_written(tmp_path, name, content)) == columns


_CELLS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=8)


@given(st.lists(st.tuples(_CELLS, _CELLS), max_size=6))
def test_every_csv_that_is_quoted_throughout_is_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str]]
) -> None:
    quoted = [",".join('"' + cell.replace('"', '""') + '"' for cell in cells) for cells in table]
    path = tmp_path_factory.mktemp("law") / "a.csv"
    path.write_bytes("\n".join(["a,b", *quoted]).encode())
    rows = list(read_rows(path))
    assert [tuple(row.values.values()) for row in rows if isinstance(row, Row)] == table
    lines = [2 + sum(text.count("\n") + 1 for text in quoted[:i]) for i in range(len(quoted))]
    assert [row.line for row in rows] == lines


@given(st.binary(max_size=60))
def test_no_bytes_whatever_break_the_reader(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    for name, head in (("a.csv", b"a,b\n"), ("a.jsonl", b"{}\n")):
        path = tmp_path_factory.mktemp("any") / name
        path.write_bytes(head + content)
        try:
            lines = [row.line for row in read_rows(path)]
        except Fatal as error:
            assert "not UTF-8" in str(error)  # noqa: PT017
            continue
        assert lines == sorted(set(lines))


def test_json_lines_give_values_as_they_are(tmp_path: Path) -> None:
    values = {"a": 1, "b": 1.5, "c": None, "d": [1, {"e": "x"}], "f": True}
    (row,) = read_rows(_written(tmp_path, "a.jsonl", orjson.dumps(values)))
    assert isinstance(row, Row)
    assert row.values == values
