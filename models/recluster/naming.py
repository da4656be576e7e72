"""Naming: where each cluster's name comes from: a person, the knowledge base, or its own words. After align."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from models.generation import Cluster, NamedBy
from models.recluster.articles import Articles, NearPolicy, named_by
from models.recluster.history import Group, History
from models.recluster.name import name_clusters
from models.recluster.things import MOST_PRODUCTS
from models.vote import settle

_POLICY = NearPolicy()


@dataclass(frozen=True, slots=True)
class Named:
    """A name, unique in its generation, and where it comes from; see generation.Cluster."""

    name: str
    keywords: tuple[str, ...]
    named: NamedBy
    kb_article_id: str | None = None


def names_of(
    groups: Sequence[Group],
    history: History,
    was: Mapping[int, Cluster],
    articles: Articles | None,
    said: Mapping[int, str] | None = None,
    beside: Mapping[int, str] | None = None,
) -> list[Named]:
    """The names of the groups, one each.

    What a person called it stays its name: the label of its problem in the history, or what it was called since. Then
    comes the title of the article that it is named by (see articles.named_by). A name of its own words stays once it is
    given; who was named by an article that is gone is named by its words again.

    Args:
        was: of each group the cluster that it was in the last generation, if it was one.
        articles: None where nobody knows of any, and then who is named by one stays so.
        said: what a person calls a group now; it stands as it is.
        beside: names of clusters that are no group, by numbers below 0, which no group gets.
    """
    person = {number: group.problem for number, group in enumerate(groups) if group.problem is not None}
    person |= {number: old.name for number, old in was.items() if old.named is NamedBy.PERSON}
    person |= said or {}
    titles = {
        number: found
        for number, found in _titles(groups, history, was, articles).items()
        if number not in person
    }
    stays = {
        number: old.name
        for number, old in was.items()
        if old.named is NamedBy.TERMS or (old.named is NamedBy.ARTICLE and articles is None)
    }
    given = stays | {number: title for number, (_, title) in titles.items()} | person
    texts = {number: [history.texts[row] for row in group.rows] for number, group in enumerate(groups)}
    names = name_clusters(texts, given, {**(said or {}), **(beside or {})}, _products(history))
    named: list[Named] = []
    for number in range(len(groups)):
        name, keywords = names[number].name, names[number].keywords
        if number in person:
            named.append(Named(name, keywords, NamedBy.PERSON))
        elif number in titles:
            named.append(Named(name, keywords, NamedBy.ARTICLE, titles[number][0]))
        elif number in stays:
            named.append(Named(name, keywords, was[number].named, was[number].kb_article_id))
        else:
            named.append(Named(name, keywords, NamedBy.TERMS))
    return named


def _titles(
    groups: Sequence[Group], history: History, was: Mapping[int, Cluster], articles: Articles | None
) -> dict[int, tuple[str, str]]:
    """Of each group that an article names, the article's id and its title."""
    if articles is None or not articles.ids:
        return {}
    found = named_by(
        [group.rows for group in groups],
        settle(history.vectors),
        history.solved_by or [None] * len(history.texts),
        articles,
        {number: old.kb_article_id for number, old in was.items() if old.kb_article_id is not None},
        _POLICY,
    )
    return {number: (articles.ids[row], articles.titles[row]) for number, row in found.items()}


def _products(history: History) -> list[str]:
    """Those that most tickets name."""
    counts = Counter(product for product in history.products or () if product)
    ranked = sorted(counts, key=lambda product: (-counts[product], product))
    return ranked[:MOST_PRODUCTS]
