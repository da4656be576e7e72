"""Twenty reclusterings of a stream in which problems appear, drift, split, merge and fade, by the real clusterer: what
does not change keeps its id and owner throughout, and what does is in the lineage."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pytest

from models.engines.graph import GRAPH
from models.engines.vector_index import ExactIndex
from models.evidence import searchable
from models.generation import Generation, NamedBy
from models.learn.lexicon import LexiconPolicy
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.known import Known
from models.recluster.lineage import lineage_of
from models.recluster.next_generation import NextGeneration, NextPolicy, next_generation
from models.recluster.problems import MakePolicy
from models.recluster.word import Split, Word
from models.routing.corrections import no_corrections
from models.routing.match import match
from models.vote import Vectors, VotePolicy, settle

_DIM, _PROBLEMS, _STEPS = 48, 24, 20
_EACH = 8  # tickets of a problem a step
_WINDOW = 6  # steps whose tickets are still there
_SPREAD = 0.07
_APPEARS, _DRIFTS, _SPLITS, _MERGES, _MERGED_INTO, _FADES, _BOUND = 0, 1, 2, 3, 4, 5, 6
_RENAMED, _PINNED, _TWO, _SAME, _SAME_AS, _PAUSES = 7, 8, 9, 10, 16, 11
_SAID = 5  # the step before which people have said all this
_EXAMPLES = 6  # of each side; they leave the window long before the end
_STEADY = [_RENAMED, _PINNED, *range(12, _SAME_AS), *range(_SAME_AS + 1, _PROBLEMS)]
_MAKE = MakePolicy(lexicon=LexiconPolicy(smallest=10**9))  # the vectors say it all


@dataclass
class Stream:
    """Tickets as they come: vectors, the problem of each, the team that handled it, the step."""

    centres: Vectors
    chance: np.random.Generator
    vectors: list[Vectors] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    owners: list[str] = field(default_factory=list)
    steps: list[int] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)

    def step(self, number: int) -> None:
        """The tickets of one step."""
        for problem, name, centre in self._now(number):
            noise = self.chance.normal(scale=_SPREAD, size=(_EACH, _DIM))
            for row in centre + noise:
                self.vectors.append(settle((row / np.linalg.norm(row))[None, :].astype(np.float32))[0])
                self.problems.append(name)
                self.owners.append(f"team-{problem % 6}")
                self.steps.append(number)
                self.ids.append(None)

    def _now(self, step: int) -> Iterator[tuple[int, str, Vectors]]:
        for problem in range(_PROBLEMS):
            centre, side = self.centres[problem], self.centres[_PROBLEMS + problem]
            if problem == _APPEARS and step < 6:
                continue
            if problem == _FADES and step >= 6:
                continue
            if problem == _PAUSES and 8 <= step < 17:  # longer than the window
                continue
            if problem == _DRIFTS:
                yield problem, "drifts", _turned(centre, side, 4.0 * step)
            elif problem == _SPLITS and step >= 6:
                apart = min(70.0, 12.0 * (step - 5))
                yield problem, "split a", _turned(centre, side, apart)
                yield problem, "split b", _turned(centre, -side, apart)
            elif problem == _TWO:  # too near each other for a clusterer
                yield problem, "two a", _turned(centre, side, 9.0)
                yield problem, "two b", _turned(centre, -side, 9.0)
            elif problem == _MERGES:
                share = min(1.0, max(0.0, (step - 5) / 6))
                goal = self.centres[_MERGED_INTO]
                mixed = centre * (1 - share) + goal * share
                yield _MERGED_INTO, "merges", mixed / np.linalg.norm(mixed)
            else:
                yield problem, f"steady {problem}", centre

    def window(self, step: int) -> list[int]:
        return [row for row, came in enumerate(self.steps) if came > step - _WINDOW]

    def history(self, rows: list[int]) -> History:
        return History(
            np.stack([self.vectors[row] for row in rows]),
            [f"ticket {row}" for row in rows],
            [self.owners[row] for row in rows],
            np.array(rows, dtype=np.int64),
            ids=[f"t-{row}" for row in rows],
        )

    def examples(self, problem: str) -> tuple[str, ...]:
        """Ids of the latest tickets of a problem."""
        rows = [row for row, name in enumerate(self.problems) if name == problem]
        return tuple(f"t-{row}" for row in rows[-_EXAMPLES:])


def _turned(centre: Vectors, side: Vectors, degrees: float) -> Vectors:
    angle = np.deg2rad(degrees)
    turned: Vectors = centre * np.cos(angle) + side * np.sin(angle)
    return turned


@dataclass(frozen=True)
class Step:
    """One reclustering: the rows of its tickets and the clusters that they were found in before."""

    rows: list[int]
    ids: list[str | None]
    made: NextGeneration

    def now(self) -> list[str | None]:
        """The cluster that each of them is in."""
        clusters = self.made.generation.clusters
        return [clusters[one].id if one >= 0 else None for one in self.made.assignment.tolist()]


@dataclass
class Run:
    stream: Stream
    generations: list[Generation]
    steps: list[Step]
    word: Word

    @property
    def made(self) -> list[NextGeneration]:
        return [step.made for step in self.steps]

    @property
    def after(self) -> list[Step]:
        """The reclusterings that knew people's word."""
        return self.steps[_SAID - 4 :]


def _said(stream: Stream, last: Generation, bound: str) -> Word:
    def where(problem: int) -> str:
        return _where(stream, f"steady {problem}", last)

    two = _where(stream, "two a", last)
    return Word(
        bound={bound: "people's choice"},
        named={where(_RENAMED): "As people call it"},
        pinned=frozenset({where(_PINNED), where(_PAUSES)}),
        merged=[(where(_SAME), where(_SAME_AS))],
        splits=[Split(two, _SAID, (stream.examples("two a"), stream.examples("two b")))],
    )


@pytest.fixture(scope="module")
def run() -> Run:
    chance = np.random.default_rng(5)
    axes = np.linalg.qr(chance.normal(size=(_DIM, _DIM)))[0]
    stream = Stream(np.concatenate([axes[:, :_PROBLEMS].T, axes[:, _PROBLEMS:].T]).astype(np.float32), chance)
    for number in range(4):
        stream.step(number)
    first = first_generation(
        stream.history(list(range(len(stream.steps)))),
        encoder="e:1",
        teams=(),
        now_ms=1,
        ways=GRAPH,
        build=ExactIndex,
        policy=_MAKE,
    )
    generations, steps = [first.generation], list[Step]()
    _decide(stream, first.generation, range(len(stream.steps)))
    bound = _where(stream, f"steady {_BOUND}", first.generation)
    word = Word(bound={bound: "people's choice"})
    for number in range(4, 4 + _STEPS):
        if number == _SAID:
            word = _said(stream, generations[-1], bound)
        come = len(stream.steps)
        stream.step(number)
        _decide(stream, generations[-1], range(come, len(stream.steps)))
        rows = stream.window(number)
        ids = [stream.ids[row] for row in rows]
        decided = np.array([stream.steps[row] for row in rows])
        known = Known(stream.history(rows), np.ones(len(rows)), ids, decided == number, word, decided)
        made = next_generation(
            known,
            generations[-1],
            now_ms=number,
            ways=GRAPH,
            build=ExactIndex,
            policy=NextPolicy(make=_MAKE),
        )
        steps.append(Step(rows, ids, made))
        generations.append(made.generation)
    return Run(stream, generations, steps, word)


def _decide(stream: Stream, generation: Generation, rows: range) -> None:
    """As a worker: the cluster that each is matched with stays with it."""
    queries = np.stack([stream.vectors[row] for row in rows])
    found = match(queries, searchable(generation, ExactIndex), VotePolicy(), no_corrections(generation.width))
    for row, one in zip(rows, found, strict=True):
        stream.ids[row] = one.candidates[0].cluster.id


def _where(stream: Stream, problem: str, generation: Generation, which: slice = slice(-_EACH, None)) -> str:
    """The cluster that tickets of a problem, else its newest, are matched with."""
    rows = [row for row, name in enumerate(stream.problems) if name == problem][which]
    queries = np.stack([stream.vectors[row] for row in rows])
    found = match(queries, searchable(generation, ExactIndex), VotePolicy(), no_corrections(generation.width))
    ids = [one.candidates[0].cluster.id for one in found]
    return max(sorted(set(ids)), key=ids.count)


def _track(run: Run, problem: str) -> list[tuple[str, str | None]]:
    """Id and owner of a steady problem's cluster in each generation from the second on: the bootstrap clusters each
    owner's tickets by themselves."""
    stream, generations = run.stream, run.generations
    track = []
    for generation in generations[1:]:
        name = _where(stream, problem, generation)
        owner = next(cluster.owner for cluster in generation.clusters if cluster.id == name)
        track.append((name, owner))
    return track


@pytest.mark.parametrize("problem", [*_STEADY, _MERGED_INTO])
def test_an_unchanged_problem_keeps_id_and_owner_through_all(run: Run, problem: int) -> None:
    assert len(set(_track(run, f"steady {problem}"))) == 1
    assert _track(run, f"steady {problem}")[0][1] == f"team-{problem % 6}"


def test_one_that_drifts_far_keeps_its_id_and_owner(run: Run) -> None:
    """Its centre turns by 4 degrees a step, 80 in all."""
    stream, generations = run.stream, run.generations
    steps = enumerate(generations[1:], start=4)
    track = [_where(stream, "drifts", made, slice(_EACH * step, _EACH * (step + 1))) for step, made in steps]
    assert len(set(track)) == 1


def test_what_appears_is_born_and_what_fades_dies(run: Run) -> None:
    stream, generations, made = run.stream, run.generations, run.made
    born = _where(stream, f"steady {_APPEARS}", generations[-1])
    assert lineage_of(generations[-1].lineage, born)[0].change in {"born", "split"}
    faded = _where(stream, f"steady {_FADES}", generations[2])
    assert faded not in {cluster.id for cluster in generations[-1].clusters}
    ends = [event.change for one in made for event in one.events if event.cluster == faded]
    assert ends[-1] in {"died", "merged"}


def test_a_planted_split_is_in_the_lineage(run: Run) -> None:
    stream, generations = run.stream, run.generations
    one, other = (_where(stream, f"split {side}", generations[-1]) for side in "ab")
    assert one != other
    before = _where(stream, f"steady {_SPLITS}", generations[2])
    assert before in {one, other}
    new = other if before == one else one
    told = [event for event in lineage_of(generations[-1].lineage, new) if event.cluster == new]
    assert (told[0].change, told[0].other) == ("split", before)


def test_a_planted_merge_is_in_the_lineage(run: Run) -> None:
    stream, generations, made = run.stream, run.generations, run.made
    last = generations[-1]
    assert _where(stream, "merges", last) == _where(stream, f"steady {_MERGED_INTO}", last)
    was = {
        _where(stream, name, generations[1], slice(_EACH)) for name in ("merges", f"steady {_MERGED_INTO}")
    }
    assert len(was) == 2
    gone = was - {cluster.id for cluster in last.clusters}
    assert len(gone) == 1
    end = [event for one in made for event in one.events if event.cluster in gone][-1]
    assert (end.change, end.other) == ("merged", (was - gone).pop())


def test_whom_people_bound_keeps_it_through_all(run: Run) -> None:
    assert {owner for _, owner in _track(run, f"steady {_BOUND}")} == {"people's choice"}


def test_nothing_moves_to_another_owner_that_people_did_not_move(run: Run) -> None:
    made = run.made
    assert made[0].moved <= 1 / (_PROBLEMS - 1) + 0.01  # the one cluster that was bound
    assert max(one.moved for one in made[1:]) <= 0.01


def test_a_name_that_a_person_gave_stays(run: Run) -> None:
    for step in run.after:
        (cluster,) = [one for one in step.made.generation.clusters if one.id in run.word.named]
        assert (cluster.name, cluster.named) == ("As people call it", NamedBy.PERSON)


@pytest.mark.parametrize("problem", [_PINNED, _PAUSES])
def test_a_pinned_cluster_keeps_its_tickets_and_takes_no_other_s(run: Run, problem: int) -> None:
    name = _where(run.stream, f"steady {problem}", run.generations[1])
    assert name in run.word.pinned
    for step, last in zip(run.after, run.generations[_SAID - 4 :], strict=False):
        (cluster,) = [one for one in step.made.generation.clusters if one.id == name]
        assert (cluster.pinned, cluster.owner) == (True, f"team-{problem % 6}")
        others = {one.id for one in last.clusters} - {name}
        for was, now in zip(step.ids, step.now(), strict=True):
            assert (now == name) if was == name else (now != name or was not in others)


def test_a_pinned_cluster_outlives_its_last_ticket_and_gets_the_next(run: Run) -> None:
    name = _where(run.stream, f"steady {_PAUSES}", run.generations[1])
    sizes = [one.size for step in run.after for one in step.made.generation.clusters if one.id == name]
    assert sizes[0] > 0
    assert 0 in sizes
    assert sizes[-1] > 0
    assert not [event for made in run.made for event in made.events if event.cluster == name]


def test_what_people_split_by_examples_is_apart_for_good(run: Run) -> None:
    (split,) = run.word.splits
    parts = [split.part(0), split.part(1)]
    first = run.after[0]
    told = [(event.change, event.other) for event in first.made.events if event.cluster in parts]
    assert told == [("split", split.cluster)]
    ids = {split.cluster, next(one for one in first.now() if one in parts)}
    lists = [set(those) for those in split.examples]
    for step in run.after:
        assert ids <= {cluster.id for cluster in step.made.generation.clusters}
        of_list = [
            {now for row, now in zip(step.rows, step.now(), strict=True) if f"t-{row}" in those}
            for those in lists
        ]
        assert not of_list[0] & of_list[1]
    last = run.after[-1]
    assert not [row for row in last.rows if f"t-{row}" in lists[0] | lists[1]]  # long gone
    for was, now in zip(last.ids, last.now(), strict=True):
        assert was not in ids or now == was
    rows = zip(last.rows, last.now(), strict=True)
    sides = [
        (run.stream.problems[row], now) for row, now in rows if run.stream.problems[row] in {"two a", "two b"}
    ]
    right = max(
        sum((now == split.cluster) is (side == other) for side, now in sides) for other in ("two a", "two b")
    )
    assert right >= 0.75 * len(sides)


def test_what_people_merged_is_one_for_good(run: Run) -> None:
    ((gone, into),) = run.word.merged
    for step in run.after:
        ids = {cluster.id for cluster in step.made.generation.clusters}
        assert gone not in ids
        assert into in ids
    assert _where(run.stream, f"steady {_SAME}", run.generations[-1]) == into
    assert _where(run.stream, f"steady {_SAME_AS}", run.generations[-1]) == into
