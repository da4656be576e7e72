"""A recogniser that knows a few words: what it finds is plain to see in a test."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from models.routing.masking.span import Kind, Span


@dataclass(frozen=True)
class Words:
    """Finds each of its words wherever it stands; remembers the texts that it was asked about."""

    words: dict[str, Kind]
    asked: list[str] = field(default_factory=list)

    @property
    def kinds(self) -> frozenset[Kind]:
        return frozenset(self.words.values())

    def find(self, text: str) -> Iterator[Span]:
        """Every place of every word, inside tokens too."""
        self.asked.append(text)
        for word, kind in self.words.items():
            for found in re.finditer(re.escape(word), text):
                yield Span(*found.span(), kind)
