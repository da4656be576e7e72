"""Series of counts and labels out of files: columns, bad rows one by one, and one clear line for a file of no use."""

import gzip
from pathlib import Path

import pytest

from app.files.lines import BadRow
from app.files.series import History, SeriesColumns, read_history, read_windows
from models.errors import Fatal

USUAL = SeriesColumns()
AT_S = 1_772_323_200  # 2026-03-01T00:00:00Z


def read(path: Path, text: str, columns: SeriesColumns = USUAL) -> tuple[History, list[tuple[int, str]]]:
    bad: list[BadRow] = []
    content = text.encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    history = read_history(path, columns, bad.append)
    return history, [(one.line, one.reason) for one in bad]


def told(history: History) -> dict[str, list[tuple[int, float]]]:
    """Each series as (seconds after AT_S, count)."""
    return {
        one.name: list(zip((one.at_s - AT_S).tolist(), one.count.tolist(), strict=True))
        for one in history.series
    }


@pytest.mark.parametrize(
    ("name", "text", "columns", "wanted"),
    [
        (
            "counts.jsonl",
            '{"series": "b", "ts": "2026-03-01T00:05:00", "count": 2.0}\n'
            '{"series": "a", "ts": 1772323200, "count": "3"}\n'
            '{"series": "b", "ts": "2026-03-01T00:00:00Z", "count": 0}\n',
            SeriesColumns(),
            {"a": [(0, 3.0)], "b": [(0, 0.0), (300, 2.0)]},
        ),
        (
            "counts.csv.gz",
            "timestamp,cluster,count\n2026-03-01 01:00:00+01:00,登录,7\n",
            SeriesColumns(),
            {"登录": [(0, 7.0)]},
        ),
        (
            "tickets.tsv",
            "Created At\tcategory\tsubject\n2026-03-01 00:00\tlogin\tx\n2026-03-01 00:00\tlogin\ty\n",
            SeriesColumns(series="category"),
            {"login": [(0, 1.0), (0, 1.0)]},
        ),
        (
            "named.csv",
            "when,what,n\n2026-03-01 01:00,12,2.5\n",
            SeriesColumns("when", "what", "n", "Europe/Berlin"),
            {"12": [(0, 2.5)]},
        ),
    ],
    ids=["JSON Lines, any order", "CSV, gzipped", "events", "columns and zone by name"],
)
def test_series_are_read(
    tmp_path: Path,
    name: str,
    text: str,
    columns: SeriesColumns,
    wanted: dict[str, list[tuple[int, float]]],
) -> None:
    history, bad = read(tmp_path / name, text, columns)
    assert bad == []
    assert told(history) == wanted
    assert history.are_events == (name == "tickets.tsv")


@pytest.mark.parametrize(
    ("row", "wanted"),
    [
        ("2026-03-01,a,-1", "count: allowed are numbers from 0 to 10,000,000"),
        ("2026-03-01,a,nan", "count: allowed are numbers from 0 to 10,000,000"),
        ("2026-03-01,a,1e12", "count: allowed are numbers from 0 to 10,000,000"),
        ("2026-03-01,a,", "count: allowed are numbers from 0 to 10,000,000"),
        ("2026-03-01,,1", "series: a name of at most 200 characters is needed"),
        (f"2026-03-01,{'x' * 201},1", "series: a name of at most 200 characters is needed"),
        (",a,1", "ts: a time is needed"),
        ("yesterday,a,1", "ts: allowed are ISO 8601 and epoch seconds or milliseconds"),
        ("1999-01-01,a", "2 columns, the header has 3"),
    ],
    ids=[
        "negative",
        "no number",
        "too large",
        "no count",
        "no name",
        "long name",
        "no time",
        "words",
        "short",
    ],
)
def test_a_bad_row_costs_itself_alone(tmp_path: Path, row: str, wanted: str) -> None:
    history, bad = read(tmp_path / "rows.csv", f"ts,series,count\n2026-03-01,a,1\n{row}\n2026-03-01,a,2\n")
    assert told(history) == {"a": [(0, 1.0), (0, 2.0)]}
    ((line, reason),) = bad
    assert (line, reason[: len(wanted)]) == (3, wanted)


@pytest.mark.parametrize(
    ("header", "columns", "wanted"),
    [
        ("ts,count", SeriesColumns(), "no column series or cluster or cluster_id; say --series COLUMN"),
        ("series,count", SeriesColumns(), "no column of times; say --time COLUMN"),
        ("ts,series", SeriesColumns(count="n"), "no column n; its columns are: ts, series"),
        ("ts,series", SeriesColumns(timezone="Mars"), "Mars: no such time zone"),
        ("ts,series", SeriesColumns(), "no row that could be used"),
    ],
    ids=["no series", "no time", "no such column", "no such zone", "no row"],
)
def test_a_file_of_no_use_is_one_line(
    tmp_path: Path, header: str, columns: SeriesColumns, wanted: str
) -> None:
    with pytest.raises(Fatal) as caught:
        read(tmp_path / "rows.csv", header + "\n", columns)
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": [["2026-03-01T00:00:00", "2026-03-01T01:00:00"]], "b": []}',
        '{"a": {"windows": [[1772323200, 1772326800]], "points": [1]}, "b": {"windows": []}}',
    ],
    ids=["lists, ISO 8601", "windows, epoch"],
)
def test_labels_are_read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text)
    assert read_windows(path) == {"a": [(AT_S, AT_S + 3600)], "b": []}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("{", "labels.json: is not JSON"),
        ("[]", "labels.json: {series: [[start, end], ...]} is needed"),
        ('{"a": 1}', "labels.json: a: [[start, end], ...] is needed"),
        ('{"a": [[1772323200]]}', "labels.json: a: [[start, end], ...] is needed"),
        ('{"a": [[1772326800, 1772323200]]}', "each end not before its start"),
        ('{"a": [["soon", "later"]]}', "labels.json: a: allowed are ISO 8601"),
    ],
    ids=["no JSON", "a list", "a number", "no end", "backwards", "words"],
)
def test_labels_of_no_use_are_one_line(tmp_path: Path, text: str, wanted: str) -> None:
    path = tmp_path / "labels.json"
    path.write_text(text)
    with pytest.raises(Fatal) as caught:
        read_windows(path)
    assert wanted in str(caught.value)


def test_labels_that_are_not_there_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(Fatal, match="cannot be read"):
        read_windows(tmp_path / "labels.json")
