"""Grouping: clusters that rise together for the same customers or with the same product are one surge. After lifecycle.

One outage is reported in many words and so rises in several clusters; whoever is paged wants one page with all of them.
Two clusters are taken for one where they started within a span of each other, and

  by customers: of those who reported both, so many are the same that neither the size of the two nor a company with few
  customers explains it; or
  by product: nearly all tickets of each name one product, which the other tickets rarely name.

A cluster joins the lead of a surge, never one of its other members: else a chain of pairs would join what has nothing
in common.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Recent:
    """A ticket that was counted."""

    ticket_id: str
    cluster_id: str
    customer: str | None
    product: str | None
    at_s: int


@dataclass(frozen=True, slots=True)
class Rising:
    """A cluster that may be part of a surge.

    Attributes:
        started_s: estimate of when it began to rise.
        excess: its tickets beyond those expected.
        surge_id: of the open surge whose lead it is; None where it is in none.
    """

    cluster_id: str
    started_s: int
    excess: float
    surge_id: str | None = None


@dataclass(frozen=True, slots=True)
class Family:
    """Clusters that are one surge.

    Attributes:
        clusters: the lead first, in the order of their starts.
        surge_id: the open surge that those behind the lead join; None where a new one begins.
        product: what they have in common, where it is one.
    """

    clusters: tuple[str, ...]
    surge_id: str | None
    product: str | None


@dataclass(frozen=True, slots=True)
class GroupingPolicy:
    """When two clusters that rise are one surge.

    Attributes:
        span_s: how far apart they may have started. An hour: starts are estimates, good to some buckets where many
            tickets come and to the better part of an hour where few do.
        customers: share of the customers of the one with fewer that must have reported both. Reports of two problems
            at random share next to none where there are many customers; a third is far from that, and a customer rarely
            reports one outage in two ways, so more would find nothing.
        least_customers: so many at least, since two may be chance at any share.
        product: share of each cluster's tickets that must name the product.
        lift: how many times as many must be shared, or name the product, as chance explains: the share of all other
            tickets that name it, or the customers shared by as many tickets drawn from all. It is what keeps a company
            with one product, or with a dozen customers, from having one surge.
    """

    span_s: int = 3_600
    customers: float = 1 / 3
    least_customers: int = 3
    product: float = 0.8
    lift: float = 3.0


def families(rising: Sequence[Rising], recent: Sequence[Recent], policy: GroupingPolicy) -> list[Family]:
    """The surges that clusters make, each cluster in one: leads of open surges with those that join them, and new ones.

    Args:
        rising: leads of open surges, and clusters that enter and are in none.
        recent: tickets of the last day of all clusters, of which those since a cluster's start speak for it.
    """
    found = _Tickets(rising, recent, policy)
    leads = sorted((one for one in rising if one.surge_id), key=lambda one: (one.started_s, one.cluster_id))
    fresh = sorted(
        (one for one in rising if not one.surge_id),
        key=lambda one: (one.started_s, -one.excess, one.cluster_id),
    )
    members: dict[str, list[str]] = {lead.cluster_id: [lead.cluster_id] for lead in leads}
    products: dict[str, str | None] = {}
    for one in fresh:
        for lead in leads:
            bond = found.bond(lead, one)
            if bond is not None:
                members[lead.cluster_id].append(one.cluster_id)
                products.setdefault(lead.cluster_id, bond.product)
                break
        else:
            leads.append(one)
            members[one.cluster_id] = [one.cluster_id]
    return [
        Family(tuple(members[lead.cluster_id]), lead.surge_id, products.get(lead.cluster_id))
        for lead in leads
    ]


@dataclass(frozen=True, slots=True)
class _Bond:
    """Why two clusters are one: by a product, or else by customers."""

    product: str | None


class _Tickets:
    """The recent tickets by cluster, counted once for all pairs."""

    def __init__(self, rising: Sequence[Rising], recent: Sequence[Recent], policy: GroupingPolicy) -> None:
        self._policy, self._all = policy, len(recent)
        since = {one.cluster_id: one.started_s for one in rising}
        self._own: dict[str, list[Recent]] = {cluster: [] for cluster in since}
        for ticket in recent:
            if ticket.cluster_id in since and ticket.at_s >= since[ticket.cluster_id]:
                self._own[ticket.cluster_id].append(ticket)
        self._by = Counter(ticket.customer for ticket in recent if ticket.customer is not None)
        calm = [ticket.product for ticket in recent if ticket.cluster_id not in since]
        self._named, self._calm = Counter(calm), len(calm)

    def bond(self, one: Rising, other: Rising) -> _Bond | None:
        """What makes two clusters one surge; None where nothing does."""
        if abs(one.started_s - other.started_s) > self._policy.span_s:
            return None
        mine, yours = self._own[one.cluster_id], self._own[other.cluster_id]
        if self._share_customers(mine, yours):
            return _Bond(None)
        product = self._product(mine, yours)
        return None if product is None else _Bond(product)

    def _share_customers(self, mine: Sequence[Recent], yours: Sequence[Recent]) -> bool:
        """Whether the same customers reported both. By chance so many would be shared: the sum, over all customers, of
        the chance that each of two lots drawn from all tickets has one of theirs."""
        by_mine, by_yours = _customers(mine), _customers(yours)
        shared, fewer = len(by_mine & by_yours), min(len(by_mine), len(by_yours))
        if shared < max(self._policy.least_customers, self._policy.customers * fewer):
            return False
        chance = 0.0
        for count in self._by.values():
            none = 1 - count / self._all
            chance += (1 - none ** len(mine)) * (1 - none ** len(yours))
        return shared >= self._policy.lift * chance

    def _product(self, mine: Sequence[Recent], yours: Sequence[Recent]) -> str | None:
        """The product that both are about. What the tickets of calm clusters name is counted as if one more of two
        more named it (Laplace), so that a handful of them proves nothing."""
        if not mine or not yours:
            return None
        (product, _), *_ = Counter(ticket.product for ticket in mine).most_common()
        shares = [sum(ticket.product == product for ticket in lot) / len(lot) for lot in (mine, yours)]
        usual = (self._named[product] + 1) / (self._calm + 2)
        enough = min(shares) >= max(self._policy.product, self._policy.lift * usual)
        return product if enough else None


def _customers(tickets: Sequence[Recent]) -> set[str]:
    return {ticket.customer for ticket in tickets if ticket.customer is not None}
