"""Knowledge: articles of a file and of `tickets.knowledge`, which clusters are named by. Beside bootstrap, recluster.

file, topic -> articles -> cleaned, masked, encoded -> names of clusters
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from confluent_kafka import KafkaError, Message, Producer
from pydantic import ValidationError

from agents.follower import Lookup
from agents.state import end_if_newer
from agents.topics import TopicNames
from agents.wire import Record
from app.files.lines import BadRow
from app.files.rows import read_columns, read_rows
from app.policies import clean_policy, pack_policy
from app.settings import Settings
from models.errors import Fatal, Invalid, Transient
from models.recluster.articles import Articles
from models.routing.clean import CleanPolicy, Ticket, clean
from models.routing.encode import Encoder, encode
from models.vote import settle
from schemas.channels import event_type
from schemas.codec import decode
from schemas.codec import encode as to_json
from schemas.contract import time_of
from schemas.headers import event_headers
from schemas.knowledge import Article
from schemas.unreadable import Unreadable, explain_fields

MOST = 20_000
"""Articles that are read: more are no knowledge base, and would have to be held and encoded. The last written stay."""

_COLUMNS = {
    "article_id": ("article_id", "id", "kb_article_id"),
    "title": ("title",),
    "text": ("text", "body", "content", "summary"),
    "product": ("product",),
    "language": ("language", "lang"),
    "updated_at": ("updated_at",),
}
_SOURCE = "/sluice/command-line"
_TIMEOUT_S = 30.0


@dataclass(slots=True)
class _Read:
    """Articles as they are read: of each id the last, of all the last `MOST`."""

    articles: dict[bytes, Article] = field(default_factory=dict)

    def feed(self, record: Record) -> None:
        key, value = record.key() or b"", record.value()
        self.articles.pop(key, None)
        if value is None:
            return
        try:
            self.articles[key] = decode(Article, value)
        except Unreadable as error:
            end_if_newer(record, error)
            return
        if len(self.articles) > MOST:
            self.articles.pop(next(iter(self.articles)))


def read_topic(lookup: Lookup, names: TopicNames) -> dict[str, Article]:
    """The articles that stand in `tickets.knowledge`, by id; one that cannot be read is passed over.

    Raises:
        Fatal: a later version of Sluice wrote one.
        Transient: no broker answers, or the topic is missing.
    """
    read = _Read()
    lookup.read(names.knowledge, range(lookup.count(names.knowledge)), read.feed)
    return {article.article_id: article for article in read.articles.values()}


def read_file(path: Path, report: Callable[[BadRow], None]) -> dict[str, Article]:
    """The articles of a file with columns article_id, title and, where it has them, text and others; by id.

    Raises:
        Fatal: the file cannot be read, lacks a column, holds more than `MOST` articles or none.
    """
    columns = read_columns(path)
    source = {
        name: next((column for column in usual if column in columns), None)
        for name, usual in _COLUMNS.items()
    }
    missing = [name for name in ("article_id", "title") if source[name] is None]
    if missing:
        raise Fatal(f"{path.name}: no column {', '.join(missing)}; its columns are: {', '.join(columns)}")
    found: dict[str, Article] = {}
    for row in read_rows(path):
        if isinstance(row, BadRow):
            report(row)
            continue
        said = {name: row.values.get(column) for name, column in source.items() if column is not None}
        try:
            article = Article.model_validate(
                {name: _value(value) for name, value in said.items() if value not in (None, "")}
            )
        except ValidationError as error:
            blame = explain_fields(Article, error)
            report(BadRow(row.line, f"{blame.field}: {blame.detail}"))
            continue
        found[article.article_id] = article
        if len(found) > MOST:
            raise Fatal(f"{path.name}: more than {MOST} articles")
    if not found:
        raise Fatal(f"{path.name}: holds no article that can be read")
    return found


def _value(value: object) -> object:
    """An id may be a number in the file."""
    return str(value) if isinstance(value, int) else value


def articles_of(
    path: Path | None, settings: Settings, kafka: dict[str, Any], report: Callable[[BadRow], None]
) -> tuple[dict[str, Article], dict[str, Article]]:
    """The articles of a file, none without one, and with them those of `tickets.knowledge` that it does not replace.

    Raises:
        Fatal, Transient: as `read_file` and `read_topic`.
    """
    given = read_file(path, report) if path else {}
    lookup = Lookup(kafka)
    try:
        return given, {**read_topic(lookup, TopicNames(settings.topic_prefix)), **given}
    finally:
        lookup.close()


def encoded(
    articles: Mapping[str, Article],
    settings: Settings,
    load: Callable[[], Encoder],
    fingerprint: str | None = None,
) -> Articles:
    """The articles as tickets are read: title and text cleaned, masked and encoded. One that says nothing is left out.

    Args:
        load: loads the settings' encoder; called where there is an article.
        fingerprint: of the encoder that they must be encoded by; None where the settings' is right.

    Raises:
        Fatal: the settings' encoder is another one.
    """
    if not articles:
        return Articles((), (), np.empty((0, 0), dtype=np.float32))
    policy = clean_policy(settings)
    kept = [
        text for _, article in sorted(articles.items()) if (text := _cleaned(article, policy)) is not None
    ]
    encoder = load()
    if fingerprint not in (None, encoder.fingerprint):
        raise Fatal(
            f"articles cannot be compared with tickets: those were encoded with {fingerprint}, and the settings'"
            f" encoder is {encoder.fingerprint}"
        )
    vectors = encode(encoder, [text for _, _, text in kept], pack_policy(settings))
    return Articles([one for one, _, _ in kept], [title for _, title, _ in kept], settle(vectors))


def _cleaned(article: Article, policy: CleanPolicy) -> tuple[str, str, str] | None:
    """Its id, its title and what is encoded of it."""
    ticket = Ticket(
        article.article_id, "", "created", 0, 0, title=article.title, description=article.text or ""
    )
    try:
        found = clean(ticket, policy)
    except Invalid:
        return None
    return (article.article_id, found.title, found.text) if found.title else None


def publish(articles: Mapping[str, Article | None], settings: Settings, kafka: dict[str, Any]) -> None:
    """Put articles into `tickets.knowledge`, each in the place of the one of its id; None takes one out.

    Raises:
        Transient: the cluster does not take them.
        Fatal: the topic is missing.
    """
    topic, failed = TopicNames(settings.topic_prefix).knowledge, list[KafkaError]()
    producer = Producer(
        {
            **kafka,
            "enable.idempotence": True,
            "message.timeout.ms": round(_TIMEOUT_S * 1000),
            "message.max.bytes": 2 << 20,
            "compression.type": "lz4",
            "log_level": 0,
        }
    )

    def delivered(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    now = time_of(time.time_ns() // 1_000_000)
    for identity, article in articles.items():
        value = None if article is None else to_json(article)
        headers = event_headers(event_type(Article), identity, _SOURCE, identity, now, None)
        producer.produce(topic, value, identity.encode(), headers=headers, on_delivery=delivered)
        producer.poll(0)
    left = producer.flush(_TIMEOUT_S)
    if failed and failed[0].code() in {KafkaError._UNKNOWN_TOPIC, KafkaError.UNKNOWN_TOPIC_OR_PART}:
        raise Fatal(f"no topic {topic} there; `sluice topics create` makes it")
    if failed or left:
        why = failed[0].str() if failed else f"not within {_TIMEOUT_S:g} s"
        raise Transient(f"Kafka did not take {len(failed) + left} of {len(articles)} articles: {why}")
