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
from models.emerging.judge import COMMITTED, Handful, Judge, closest, log_odds, measures, yardstick_of
from models.emerging.space import (
    Space,
    joined,
    known_odds,
    learn_space,
    lengths,
    pair_odds,
    points_of,
    together,
)
from models.evidence import Searchable, nearest_rows
from models.exact import Floats
from models.lexicon import join
from models.vote import Rows, Vectors

# Past tickets whose cosines say how near the history is.
_NEAREST = 4
_HOUR_MS = 3_600_000
# Tickets that are held against the whole history at once, and points against every known problem.
_CHUNK = 64
_AT_ONCE = 1_024
# Handfuls are judged again with one ticket more, two and three: four sure ones are announced at once, seven less sure
# ones still with the seventh.
_MORE = 3


@dataclass(frozen=True, slots=True)
class EmergingPolicy:
    """When tickets are a new problem.

    Attributes:
        least: tickets of it, each of another customer where customers are known.
        window_ms: how long a ticket waits for others.
        most: tickets that wait at once, the latest.
        judge: of handfuls.
        chance: of as many tickets by the history's own share of tickets like them, up to which they are news: nobody is
            to be called for five tickets where ten are usual.
    """

    least: int = 4
    window_ms: int = 86_400_000
    most: int = 4_096
    judge: Judge = COMMITTED
    chance: float = 0.05


Note = Callable[[Sequence[Newcomer], Floats, bool], None]
"""Told the tickets of each handful that is judged, the ticket that came last first, its measures [9], and whether it
may be news at all: it is likelier of a new problem than of a known one, and as many by chance are rare."""


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
        self._history = np.zeros(size)
        self._best = np.full(
            size, -np.inf
        )  # log-odds of the best handful that began with each, if any was judged
        self._free = np.zeros(size, dtype=np.bool_)  # waits, in no group
        self._known: set[str] = set()
        self._came_ms: deque[int] = deque()  # of all tickets of the window
        past = self._past_points()
        self._past_otherwise = self._otherwise(past)
        # In half the memory: every handful is held against all of them.
        self._past = past.astype(np.float32)
        self._past_lengths: dict[int, Floats] = {}  # by the tickets of a handful
        self._quiet = False
        self.groups: list[Group] = []

    def __len__(self) -> int:
        """Tickets that wait for others."""
        return int(self._free[: len(self._tickets)].sum())

    def settle_in(self, newcomers: Sequence[Newcomer]) -> None:
        """Take tickets one by one of which none is announced: what a pool at work held before those that it is asked
        of."""
        self._quiet = True
        for ticket in newcomers:
            self.take([ticket])
        self._quiet = False

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
        new = {one.ticket_id: one for one in newcomers if one.ticket_id not in self._known}
        fresh = [ticket for ticket in new.values() if ticket.confidence < confident]
        changed: dict[int, Group] = {}
        for start in range(0, len(fresh), self._policy.most // 4):
            for group in self._take(fresh[start : start + self._policy.most // 4], self._space):
                changed[id(group)] = group
        return list(changed.values())

    def _take(self, fresh: Sequence[Newcomer], space: Space) -> Iterator[Group]:
        self._make_room(len(fresh), fresh[-1].at_ms - self._policy.window_ms)
        generation = self._ready.generation
        dense = np.stack([ticket.vector for ticket in fresh])
        hybrids = join(generation.lexicon, [ticket.text for ticket in fresh], dense)
        first = len(self._tickets)
        rows = slice(first, first + len(fresh))
        self._points[rows] = points_of(space, dense)
        self._hybrids[rows] = hybrids
        self._best[rows] = -np.inf
        self._history[rows] = self._nearness(hybrids)
        for number, ticket in enumerate(fresh):
            self._tickets.append(ticket)
            self._known.add(ticket.ticket_id)
            row = first + number
            group = self._joined(row, space) or self._emerged(row, space)
            if group is not None:
                yield group

    def _nearness(self, hybrids: Vectors) -> Floats:
        """[n] mean cosine of each and its nearest past tickets."""
        found = []
        for start in range(0, len(hybrids), _CHUNK):
            products = hybrids[start : start + _CHUNK] @ self._ready.voters.T
            found.append(np.clip(nearest_rows(products, _NEAREST)[1], 0.0, 1.0).mean(axis=1))
        return np.concatenate(found)

    def _make_room(self, count: int, oldest_ms: int) -> None:
        """Forget tickets that waited too long, and of the others the oldest where there are too many."""
        there = len(self._tickets)
        young = [ticket.at_ms >= oldest_ms for ticket in self._tickets]
        if all(young) and there + count <= self._policy.most:
            return
        kept = np.flatnonzero(np.array(young) & self._free[:there])[-(self._policy.most - count) :]
        for array in (self._points, self._hybrids, self._history, self._best):
            array[: len(kept)] = array[kept]
        self._free[: len(kept)], self._free[len(kept) :] = True, False
        self._tickets = [self._tickets[row] for row in kept.tolist()]
        self._known = {ticket.ticket_id for ticket in self._tickets}
        self._known |= {ticket.ticket_id for group in self.groups for ticket in group.members}

    def _joined(self, row: int, space: Space) -> Group | None:
        """The open group that a ticket is likelier of than of a known problem or of one of its own, with it in it."""
        if not self.groups:
            self._free[row] = True
            return None
        point = self._points[[row]]
        otherwise = float(self._otherwise(point)[0])
        best, most = None, 0.0
        for group in self.groups:
            by = lengths(space, point, group.count)
            gain = float(joined(space, point, by, group.total, group.count)[0])
            if gain - otherwise > most:
                best, most = group, gain - otherwise
        if best is not None:
            best.add(self._tickets[row], point[0], self._hybrids[row])
        else:
            self._free[row] = True
        return best

    def _emerged(self, row: int, space: Space) -> Group | None:
        """The new group around a ticket: the smallest handful that is judged to be one, if any is, and who else waits
        and is of it."""
        least, judge = self._policy.least, self._policy.judge
        chosen = closest(self._points, row, self._others(row, space), least + _MORE, space)
        for count in range(least, len(chosen) + 1):
            handful = chosen[:count]
            joins = self._joins(self._points[handful].sum(axis=0), count, space)
            found = self._measured(handful, joins, space)
            if found is None:
                return None
            many = chance(count, self._share_of_window(joins, count)) <= self._policy.chance
            is_news = many and self._is_unheld(self._points[handful], space)
            if self._note is not None and not self._quiet:
                self._note([self._tickets[one] for one in handful], found, is_news)
            odds = float(log_odds(found[None, :], judge.weights)[0])
            self._best[row] = max(self._best[row], odds)
            if not self._quiet and is_news and odds >= judge.least(self._best_of_others(handful)):
                return self._grouped(handful, space)
        return None

    def _is_unheld(self, points: Floats, space: Space) -> bool:
        """Whether tickets [k, D] are likelier of one problem that nobody knows than of any known one."""
        known = float(known_odds(space, points).sum(axis=0).max())
        return float(together(space, points.sum(axis=0), float(len(points)))) > known

    def _best_of_others(self, handful: Sequence[int]) -> Floats:
        """[n] log-odds of the best handful that began with each newcomer that is not of this one."""
        best = self._best[: len(self._tickets)].copy()
        best[list(handful)] = -np.inf
        found: Floats = best[np.isfinite(best)]
        return found

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

    def _measured(self, rows: Sequence[int], joins: int, space: Space) -> Floats | None:
        """The measures of a handful that so many exemplars would join; None where its pairs speak against one
        problem."""
        assert self._yardstick is not None
        chosen = list(rows)
        at_ms = [self._tickets[row].at_ms for row in chosen]
        handful = Handful(
            points=self._points[chosen],
            hybrids=self._hybrids[chosen].astype(np.float64),
            history=self._history[chosen],
            confidence=np.array([self._tickets[row].confidence for row in chosen]),
            hours=(max(at_ms) - min(at_ms)) / _HOUR_MS,
            joins=joins,
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
        gain = joined(space, points, lengths(space, points, group.count), group.total, group.count)
        self._put(group, rows[gain > self._otherwise(points)].tolist())

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
        """How many of the window's tickets would be of the group by chance: the share of the generation's exemplars
        that would join it sooner than be of their own problem, of which half a one is always there (Jeffreys' rule)."""
        assert self._space is not None
        return self._share_of_window(self._joins(group.total, group.count, self._space), group.count)

    def _joins(self, total: Floats, count: int, space: Space) -> int:
        """Exemplars that would join so many tickets with this sum of points [D]."""
        by = self._past_lengths.get(count)
        if by is None:
            by = lengths(space, self._past, count)
            if count <= self._policy.least + _MORE:
                self._past_lengths[count] = by
        return int((joined(space, self._past, by, total, count) > self._past_otherwise).sum())

    def _share_of_window(self, joins: int, count: int) -> float:
        """How many of the window's tickets would join `count` of them, as so many exemplars would."""
        return max(len(self._came_ms), count) * (joins + 0.5) / (len(self._past) + 1.0)

    def _otherwise(self, points: Floats) -> Floats:
        """How likely points [n, D] are of a problem of their own, or of the best known one where that is likelier."""
        if self._space is None:
            return np.zeros(0)
        space, found = self._space, [np.zeros(0)]
        for start in range(0, len(points), _AT_ONCE):
            some = points[start : start + _AT_ONCE]
            found.append(np.maximum(together(space, some, 1.0), known_odds(space, some).max(axis=1)))
        return np.concatenate(found)

    def _past_points(self) -> Floats:
        """The generation's exemplars as points [E, D]."""
        generation = self._ready.generation
        if self._space is None:
            return np.zeros((0, 0))
        return points_of(self._space, generation.exemplars[:, : generation.dim].astype(np.float32))
