"""Knowledge: articles of a file and of a topic, and how they become comparable with tickets."""

from pathlib import Path

import pytest

from agents.follower import Lookup
from agents.topics import TopicNames
from app import knowledge
from app.files.lines import BadRow
from app.knowledge import encoded, read_file, read_topic
from app.settings import Settings
from models.errors import Fatal
from models.routing.encode import Encoder
from schemas.codec import encode as to_json
from schemas.knowledge import Article
from tests.fakes.encoder import HashingEncoder
from tests.fakes.kafka import FakeKafka
from tests.fakes.records import Reader


def _file(folder: Path, text: str, name: str = "kb.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("kb.csv", "id,title,body\n7,Reset it,Press the key\n", id="CSV by usual names"),
        pytest.param(
            "kb.jsonl", '{"article_id": 7, "title": "Reset it", "text": "Press the key"}\n', id="JSONL"
        ),
    ],
)
def test_articles_of_a_file(tmp_path: Path, name: str, text: str) -> None:
    bad: list[BadRow] = []
    found = read_file(_file(tmp_path, text, name), bad.append)
    assert found == {"7": Article(article_id="7", title="Reset it", text="Press the key")}
    assert bad == []


def test_a_bad_row_costs_itself_alone(tmp_path: Path) -> None:
    bad: list[BadRow] = []
    found = read_file(_file(tmp_path, "id,title\n1,\n2,Two\n,Three\n2,Two again\n"), bad.append)
    assert [article.title for article in found.values()] == ["Two again"]
    assert [row.line for row in bad] == [2, 4]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("id,name\n1,x\n", "no column title; its columns are: id, name", id="no title"),
        pytest.param("id,title\n", "holds no article", id="no article"),
    ],
)
def test_a_file_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Fatal, match=said):
        read_file(_file(tmp_path, text), lambda _: None)


def _topic(*records: tuple[str, bytes | None]) -> dict[str, str]:
    """The titles that are read of a topic of these records, by id."""
    kafka, names = FakeKafka(), TopicNames()
    kafka.make(names.knowledge, 1)
    for key, value in records:
        kafka.append(names.knowledge, 0, key.encode(), value)
    found = read_topic(Lookup({}, lambda _: Reader(kafka)), names)
    return {identity: article.title for identity, article in found.items()}


def _article(identity: str, title: str) -> tuple[str, bytes]:
    return identity, to_json(Article(article_id=identity, title=title))


def test_of_a_topic_the_last_word_counts() -> None:
    records = [_article("a", "A"), _article("b", "B"), _article("a", "A2"), ("b", None), ("c", b"broken")]
    assert _topic(*records) == {"a": "A2"}


def test_what_a_newer_version_wrote_is_refused() -> None:
    identity, value = _article("a", "A")
    with pytest.raises(Fatal):
        _topic((identity, value.replace(b'"schema_version":1', b'"schema_version":9')))


def test_of_too_many_the_last_written_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(knowledge, "MOST", 2)
    records = [_article("a", "A"), _article("b", "B"), _article("a", "A2"), _article("c", "C")]
    assert _topic(*records) == {"a": "A2", "c": "C"}


def _no_encoder() -> Encoder:
    raise AssertionError("loaded")


def test_articles_are_masked_and_what_says_nothing_is_left_out() -> None:
    encoder = HashingEncoder()
    articles = {
        "b": Article(article_id="b", title="Call 138 1234 5678", text="about the refund"),
        "a": Article(article_id="a", title="Refund"),
        "c": Article(article_id="c", title="???"),
    }
    found = encoded(articles, Settings(), lambda: encoder, encoder.fingerprint)
    assert list(found.ids) == ["a", "b"]
    assert list(found.titles) == ["Refund", "Call [PHONE]"]
    assert found.vectors.shape == (2, encoder.dim)


def test_without_articles_no_encoder_is_loaded() -> None:
    assert not encoded({}, Settings(), _no_encoder, "e:1").ids


def test_another_encoder_than_the_tickets_is_refused() -> None:
    articles = {"a": Article(article_id="a", title="Refund")}
    with pytest.raises(Fatal, match="encoded with e:1"):
        encoded(articles, Settings(), HashingEncoder, "e:1")
