"""Sample: which tickets are clustered, where there are more than can be. The first step of a reclustering."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

# Of each cluster so many tickets are kept, however old: what is rare must not die of what is frequent.
_LEAST_A_CLUSTER = 50


@dataclass(frozen=True, slots=True)
class Traits:
    """What a ticket is chosen by.

    Attributes:
        cluster_id: that it was found in, None for none.
        handled: people's word says whose it is.
        unexplained: no cluster explains it; where such lie, new problems begin.
    """

    ticket_id: str
    created_at_ms: int
    cluster_id: str | None
    handled: bool = False
    unexplained: bool = False


def sample(tickets: Sequence[Traits], most: int, examples: Collection[str] = frozenset()) -> list[int]:
    """Numbers of up to `most` tickets, ascending: the examples that people gave, and of each cluster the newest 50; of
    the seats that are left a quarter for the newest that people handled, since owners are learnt from them, a quarter
    for the newest that no cluster explains, and the rest for the newest of all, who get the seats that stay empty too.

    Whoever is not chosen from some of the tickets would not be chosen from all of them. So a reader may choose as it
    reads and hold few at a time.
    """
    if len(tickets) <= most:
        return list(range(len(tickets)))
    newest = sorted(range(len(tickets)), key=lambda n: (-tickets[n].created_at_ms, tickets[n].ticket_id))
    of_cluster: Counter[str | None] = Counter()
    sure, rest = list[int](), list[int]()
    for number in newest:
        ticket = tickets[number]
        of_cluster[ticket.cluster_id] += 1
        kept = ticket.ticket_id in examples or of_cluster[ticket.cluster_id] <= _LEAST_A_CLUSTER
        (sure if kept else rest).append(number)
    sure.sort(key=lambda n: tickets[n].ticket_id not in examples)  # stable: examples first, then the newest
    chosen = sure[:most]
    quarter = (most - len(chosen)) // 4
    handled = {*[number for number in rest if tickets[number].handled][:quarter]}
    unexplained = [n for n in rest if tickets[n].unexplained and n not in handled][:quarter]
    seated = {*handled, *unexplained}
    others = [number for number in rest if number not in seated][: most - len(chosen) - len(seated)]
    return sorted([*chosen, *seated, *others])
