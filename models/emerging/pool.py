"""Pool: tickets that no cluster explains are grouped as they come in; a dense group is a problem that emerges.

newcomers -> those that the history answers weakly -> the handful around each -> judge -> a group, which others join

Between two reclusterings nobody else looks at them together: each by itself is a ticket for triage, or for whoever is
nearest.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from models.emerging.group import Group, Newcomer, chance
from models.emerging.judge import COMMITTED, Handful, Weights, closest, log_odds, measures, yardstick_of
from models.emerging.space import Space, known_odds, learn_space, pair_odds, points_of, together
from models.evidence import Searchable, gather
from models.exact import Floats
from models.lexicon import join
from models.vote import Rows, VotePolicy

# Past tickets whose cosines say how near the history is.
_NEAREST = 4
# Handfuls are judged again with one ticket more and with two: five sure ones are announced at once, seven less sure
# ones still with the seventh.
_MORE = 2


@dataclass(frozen=True, slots=True)
class EmergingPolicy:
    """When tickets are a new problem.

    Attributes:
        least: tickets of it, each of another customer where customers are known.
        window_ms: how long a ticket waits for others.
        most: tickets that wait at once, the latest.
        weights, at: of the judge, and the log-odds from which on a handful is announced.
        chance: of as many tickets by the history's own share of tickets like them, up to which they are news: nobody is
            to be called for five tickets where ten are usual.
    """

    least: int = 5
    window_ms: int = 86_400_000
    most: int = 4_096
    weights: Weights = COMMITTED.weights
    at: float = COMMITTED.at
    chance: float = 0.05


Note = Callable[[Sequence[Newcomer], Floats], None]
"""Told the tickets and the measures [10] of each handful that is judged, the ticket that came last first."""


class TriagePool:
    """The newcomers of the last window under one generation. Not for several threads.

    Args:
        note: for those who learn the judge's weights.
    """

    def __init__(self, ready: Searchable, policy: EmergingPolicy, note: Note | None = None) -> None:
        self._ready, self._policy, self._note = ready, policy, note
        generation = ready.generation
        self._yardstick = yardstick_of(generation.reference)
        self._space = learn_space(generation) if self._yardstick is not None else None
        axes = 0 if self._space is None else len(self._space.spread)
        size = policy.most
        self._tickets: list[Newcomer] = []
        self._points = np.zeros((size, axes))
        self._hybrids = np.zeros((size, generation.width), dtype=np.float32)
        self._strength, self._history = np.zeros(size), np.zeros(size)
        self._number = np.zeros(size, dtype=np.int64)  # among all tickets that came, waiting or not
        self._free = np.zeros(size, dtype=np.bool_)  # waits, in no group
        self._known: set[str] = set()
        self._came_ms: deque[int] = deque()  # of all tickets of the window
        self._came = 0  # tickets so far
        self._past = self._past_points()
        self.groups: list[Group] = []

    def __len__(self) -> int:
        """Tickets that wait for others."""
        return int(self._free[: len(self._tickets)].sum())

    @property
    def judges(self) -> bool:
        """Whether the generation holds enough to tell a new problem from it."""
        return self._space is not None

    def take(self, newcomers: Sequence[Newcomer]) -> list[Group]:
        """Take tickets in the order of their decisions.

        Returns:
            Groups that are new or have grown, each once, in the order of their first change.
        """
        if self._space is None or self._yardstick is None:
            return []
        self._came_ms.extend(ticket.at_ms for ticket in newcomers)
        while self._came_ms and self._came_ms[0] < self._came_ms[-1] - self._policy.window_ms:
            self._came_ms.popleft()
        confident = self._yardstick.confident
        numbered = enumerate(newcomers, start=self._came)
        self._came += len(newcomers)
        new = {one.ticket_id: (number, one) for number, one in numbered if one.ticket_id not in self._known}
        fresh = [(number, ticket) for number, ticket in new.values() if ticket.confidence < confident]
        changed: dict[int, Group] = {}
        for start in range(0, len(fresh), self._policy.most // 4):
            for group in self._take(fresh[start : start + self._policy.most // 4], self._space):
                changed[id(group)] = group
        return list(changed.values())

    def _take(self, numbered: Sequence[tuple[int, Newcomer]], space: Space) -> Iterator[Group]:
        fresh = [ticket for _, ticket in numbered]
        self._make_room(len(fresh), fresh[-1].at_ms - self._policy.window_ms)
        generation = self._ready.generation
        dense = np.stack([ticket.vector for ticket in fresh])
        hybrids = join(generation.lexicon, [ticket.text for ticket in fresh], dense)
        evidence = gather(hybrids, self._ready, VotePolicy())
        first = len(self._tickets)
        rows = slice(first, first + len(fresh))
        self._number[rows] = [number for number, _ in numbered]
        self._points[rows] = points_of(space, dense)
        self._hybrids[rows] = hybrids
        self._strength[rows] = evidence.strength
        self._history[rows] = np.clip(evidence.cosines[:, :_NEAREST], 0.0, 1.0).mean(axis=1)
        for number, ticket in enumerate(fresh):
            self._tickets.append(ticket)
            self._known.add(ticket.ticket_id)
            row = first + number
            group = self._joined(row, space) or self._emerged(row, space)
            if group is not None:
                yield group

    def _make_room(self, count: int, oldest_ms: int) -> None:
        """Forget tickets that waited too long, and of the others the oldest where there are too many."""
        there = len(self._tickets)
        young = [ticket.at_ms >= oldest_ms for ticket in self._tickets]
        if all(young) and there + count <= self._policy.most:
            return
        kept = np.flatnonzero(np.array(young) & self._free[:there])[-(self._policy.most - count) :]
        for array in (self._number, self._points, self._hybrids, self._strength, self._history):
            array[: len(kept)] = array[kept]
        self._free[: len(kept)], self._free[len(kept) :] = True, False
        self._tickets = [self._tickets[row] for row in kept.tolist()]
        self._known = {ticket.ticket_id for ticket in self._tickets}
        self._known |= {ticket.ticket_id for group in self.groups for ticket in group.members}

    def _joined(self, row: int, space: Space) -> Group | None:
        """The open group that a ticket is likelier of than of a known problem or of one of its own, with it in it."""
        point = self._points[row]
        else_ = max(float(together(space, point, 1.0)), float(known_odds(space, point[None, :]).max()))
        best, most = None, 0.0
        for group in self.groups:
            gain = float(
                together(space, group.total + point, group.count + 1.0)
                - together(space, group.total, float(group.count))
            )
            if gain - else_ > most:
                best, most = group, gain - else_
        if best is not None:
            best.add(self._tickets[row], point, self._hybrids[row])
        else:
            self._free[row] = True
        return best

    def _emerged(self, row: int, space: Space) -> Group | None:
        """The new group around a ticket: the smallest handful that is judged to be one, if any is, and who else waits
        and is of it."""
        least = self._policy.least
        chosen = closest(self._points, row, self._others(row, space), least + _MORE, space)
        for count in range(least, len(chosen) + 1):
            handful = chosen[:count]
            found = self._measured(handful, space)
            if found is None:
                return None
            if self._note is not None:
                self._note([self._tickets[one] for one in handful], found)
            surely = float(log_odds(found[None, :], self._policy.weights)[0]) >= self._policy.at
            total = self._points[list(handful)].sum(axis=0)
            if surely and chance(count, self._expected(total, count, space)) <= self._policy.chance:
                return self._grouped(handful, space)
        return None

    def _grouped(self, rows: Sequence[int], space: Space) -> Group:
        group = Group([], np.zeros(self._points.shape[1]), 0)
        self._put(group, rows)
        self.groups.append(group)
        self._gather_in(group, space)
        group.members.sort(key=lambda ticket: (ticket.at_ms, ticket.ticket_id))
        return group

    def _others(self, row: int, space: Space) -> Rows:
        """Rows that wait beside this one: of each customer the likeliest, none of the ticket's own."""
        rows = np.flatnonzero(self._free[: len(self._tickets)])
        rows = rows[rows != row]
        odds = pair_odds(space, self._points[row], self._points[rows])
        seen = {self._tickets[row].customer_id} - {None}
        kept: list[int] = []
        for other in rows[np.argsort(-odds, kind="stable")].tolist():
            customer = self._tickets[other].customer_id
            if customer is None or customer not in seen:
                kept.append(other)
                seen.add(customer)
            if len(kept) == 4 * (self._policy.least + _MORE):
                break
        return np.array(kept, dtype=np.int64)

    def _measured(self, rows: Sequence[int], space: Space) -> Floats | None:
        """The measures of a handful; None where its pairs speak against one problem."""
        assert self._yardstick is not None
        chosen = list(rows)
        points = self._points[chosen]
        one, two = np.triu_indices(len(chosen), 1)
        alone = together(space, points, 1.0)
        if (together(space, points[one] + points[two], 2.0) - alone[one] - alone[two]).mean() <= 0.0:
            return None
        first, last = int(self._number[chosen].min()), int(self._number[chosen].max())
        gone = self._came - len(self._came_ms)  # before the window
        handful = Handful(
            points=points,
            hybrids=self._hybrids[chosen].astype(np.float64),
            strength=self._strength[chosen],
            history=self._history[chosen],
            confidence=np.array([self._tickets[row].confidence for row in chosen]),
            share=(last - first + 1) / max(last - gone + 1, last - first + 1),
            waiting=len(self),
        )
        return measures(handful, space, self._yardstick)

    def _put(self, group: Group, rows: Sequence[int]) -> None:
        for row in rows:
            group.add(self._tickets[row], self._points[row], self._hybrids[row])
            self._free[row] = False

    def _gather_in(self, group: Group, space: Space) -> None:
        """Take in who else waits and is of the group."""
        rows = np.flatnonzero(self._free[: len(self._tickets)])
        if not len(rows):
            return
        points = self._points[rows]
        gain = together(space, points + group.total, group.count + 1.0)
        gain -= float(together(space, group.total, float(group.count)))
        otherwise = np.maximum(together(space, points, 1.0), known_odds(space, points).max(axis=1))
        self._put(group, rows[gain > otherwise].tolist())

    def restore(self, members: Mapping[str, Sequence[Newcomer]]) -> None:
        """Hold the groups that were announced before; one without tickets is none.

        Args:
            members: each group's tickets, under its key.
        """
        for key, tickets in members.items():
            new = [ticket for ticket in tickets if ticket.ticket_id not in self._known]
            if self._space is None or not new:
                continue
            vectors = np.stack([ticket.vector for ticket in new])
            hybrids = join(self._ready.generation.lexicon, [ticket.text for ticket in new], vectors)
            group = Group([], np.zeros(self._points.shape[1]), 0, key)
            for row in zip(new, points_of(self._space, vectors), hybrids, strict=True):
                group.add(*row)
            self._known |= {ticket.ticket_id for ticket in new}
            self.groups.append(group)

    def forget(self, ticket_id: str) -> list[Group]:
        """A ticket was deleted; the groups that lose it."""
        for row, ticket in enumerate(self._tickets):
            if ticket.ticket_id == ticket_id:
                self._free[row] = False
        return [group for group in self.groups if group.forget(ticket_id)]

    def close(self, group: Group) -> None:
        """Nobody joins this group any more."""
        self.groups.remove(group)

    def expected(self, group: Group) -> float:
        """How many of the window's tickets would be as near to the group by chance: the share of the generation's
        exemplars that would join it, of which half a one is always there (Jeffreys' rule)."""
        assert self._space is not None
        return self._expected(group.total, group.count, self._space)

    def _expected(self, total: Floats, count: int, space: Space) -> float:
        gain = together(space, self._past + total, count + 1.0)
        gain -= float(together(space, total, float(count)))
        joins = int((gain > together(space, self._past, 1.0)).sum())
        tickets = max(len(self._came_ms), count)
        return tickets * (joins + 0.5) / (len(self._past) + 1.0)

    def _past_points(self) -> Floats:
        """The generation's exemplars as points [E, D]."""
        generation = self._ready.generation
        if self._space is None:
            return np.zeros((0, 0))
        return points_of(self._space, generation.exemplars[:, : generation.dim].astype(np.float32))
