"""An article of the knowledge base (`tickets.knowledge`, compacted, keyed by article_id): clusters are named by it."""

from typing import Annotated

from pydantic import Field

from schemas.contract import NO_NUL, Event, Identifier, Time
from schemas.ticket import Short, Text

ArticleTitle = Annotated[str, Field(min_length=1, max_length=200, json_schema_extra=NO_NUL)]


class Article(Event):
    """What is known of one problem. A cluster whose tickets are near to it bears its title as its name.

    `text` is the article or its summary: of a long one the beginning counts, as far as the encoder reads.
    """

    article_id: Identifier
    title: ArticleTitle
    text: Text | None = None
    product: Short | None = None
    language: Short | None = None
    updated_at: Time | None = None
