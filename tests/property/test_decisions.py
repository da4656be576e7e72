"""The law of decisions: each is of its ticket, the generation and the corrections alone, to the last bit.

Through join, match and decide, over a generation that was really learned: words, head and calibrated confidence.
"""

from functools import cache
from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.engines.vector_index import ExactIndex
from models.evidence import Searchable, searchable, with_described
from models.generation import Cluster, Generation, Owner, from_bytes, to_bytes
from models.learn.lexicon import LexiconPolicy
from models.lexicon import join
from models.recluster.describe import Description, with_descriptions
from models.recluster.first_generation import first_generation
from models.recluster.history import History
from models.recluster.problems import MakePolicy
from models.routing.corrections import Act, ActKind, Corrections, corrections_of
from models.routing.decide import DecidePolicy, Decision, Facts, Outcome, decide
from models.routing.encode import encode
from models.routing.match import match
from models.routing.pack import PackPolicy
from models.vote import IndexBuilder, Vectors, VotePolicy
from tests.fakes.density import Leaders, ways
from tests.fakes.encoder import HashingEncoder
from tests.fakes.history import FRESH, HISTORY
from tests.fakes.records import NOW_MS
from tests.fakes.vector_index import NumpyIndex

_PAST = [
    *HISTORY,
    *((team, f"{text} {extra}") for team, text in HISTORY for extra in ("please help", "again 502")),
]
_TEXTS = [
    *(text for _, text in (*FRESH, *HISTORY)),
    "",
    "ξψζ",
    "zzzz qqqq",
    "the app and my card",
    "门锁 app 502",
]


@cache
def _generation() -> Generation:
    encoder, texts = HashingEncoder(), [text for _, text in _PAST]
    made = first_generation(
        History(
            vectors=encode(encoder, texts, PackPolicy()),
            texts=texts,
            owners=[team for team, _ in _PAST],
            created_at_ms=np.arange(len(texts), dtype=np.int64),
        ),
        encoder=encoder.fingerprint,
        teams=[Owner("mobile", 120)],
        now_ms=NOW_MS,
        ways=ways(Leaders()),
        build=ExactIndex,
        policy=MakePolicy(lexicon=LexiconPolicy(components=24)),
    ).generation
    assert made.lexicon is not None
    assert made.head is not None
    return made


_DESCRIBED = (("d-0", "iot", "the door lock says that it is offline"), ("d-1", "payments", "退款没有到账"))


@cache
def _ready(described: bool = False) -> Searchable:
    return _with_described(_generation(), ExactIndex) if described else searchable(_generation(), ExactIndex)


def _with_described(made: Generation, build: IndexBuilder) -> Searchable:
    """One cluster described in the generation, and one since."""
    dense = encode(HashingEncoder(), [text for _, _, text in _DESCRIBED], PackPolicy())
    own, since = (
        Description(name, name, owner, text, row)
        for (name, owner, text), row in zip(_DESCRIBED, dense, strict=True)
    )
    ready = searchable(with_descriptions(made, [own], 60), build)
    cluster = Cluster(since.id, since.name, since.owner, 0, described=True)
    return with_described(ready, [cluster], join(made.lexicon, [since.text], since.vector[None]))


@cache
def _vectors() -> Vectors:
    """Of `_TEXTS`: encoders are held to their own laws."""
    return encode(HashingEncoder(), _TEXTS, PackPolicy())


def _decided(rows: list[int], ready: Searchable, corrections: Corrections) -> dict[int, Decision]:
    """Of the texts at `rows`, by their place in `_TEXTS`."""
    made = ready.generation
    queries = join(made.lexicon, [_TEXTS[row] for row in rows], _vectors()[rows])
    return {
        row: decide(
            found,
            made,
            Facts(f"t-{row}", "v1", None, NOW_MS),
            DecidePolicy(),
            generation_id="g-1",
            revision=corrections.revision,
        )
        for row, found in zip(rows, match(queries, ready, VotePolicy(), corrections), strict=True)
    }


_acts = st.lists(
    st.tuples(
        st.sampled_from(ActKind),
        st.sampled_from(["mobile", "payments", "locks", "new", "other"]),
        st.integers(0, len(_TEXTS) - 1),
        st.integers(-1, 3),
    ),
    max_size=12,
)


def _corrections(drawn: list[tuple[ActKind, str, int, int]], ready: Searchable) -> Corrections:
    clusters = [cluster.id for cluster in ready.clusters]
    acts = []
    for revision, (kind, owner, row, cluster) in enumerate(drawn, 1):
        vector = None
        if kind is ActKind.CORRECTED:
            vector = join(ready.generation.lexicon, [_TEXTS[row]], _vectors()[[row]])[0]
        ticket = None if kind is ActKind.BOUND else f"t-{row}"
        named = None if cluster < 0 else clusters[cluster % len(clusters)]
        acts.append(Act(revision, kind, owner, ticket, named, vector))
    return corrections_of(acts, len(drawn), ready)


@settings(max_examples=60)
@given(
    drawn=_acts,
    rows=st.lists(st.integers(0, len(_TEXTS) - 1), unique=True, min_size=1),
    cuts=st.lists(st.integers(0, len(_TEXTS)), max_size=6),
    described=st.booleans(),
)
def test_a_decision_is_the_same_to_the_bit_in_any_batch_order_and_split(
    drawn: list[tuple[ActKind, str, int, int]], rows: list[int], cuts: list[int], described: bool
) -> None:
    ready = _ready(described)
    corrections = _corrections(drawn, ready)
    whole = _decided(sorted(rows), ready, corrections)
    bounds = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, end in pairwise(bounds):
        for row, decision in _decided(rows[start:end], ready, corrections).items():
            assert decision == whole[row]
            assert repr(decision) == repr(whole[row])  # 0.0 and -0.0 are equal, and two decisions


@settings(max_examples=30)
@given(drawn=_acts, described=st.booleans())
def test_a_generation_that_was_published_and_searched_otherwise_decides_the_same(
    drawn: list[tuple[ActKind, str, int, int]], described: bool
) -> None:
    """As bytes and back, with another engine, and the acts read anew."""
    rows = list(range(len(_TEXTS)))
    read = from_bytes(to_bytes(_generation()))
    again = _with_described(read, NumpyIndex) if described else searchable(read, NumpyIndex)
    one = _decided(rows, _ready(described), _corrections(drawn, _ready(described)))
    other = _decided(rows, again, _corrections(drawn, again))
    assert repr(one) == repr(other)


@settings(max_examples=60)
@given(drawn=_acts, described=st.booleans())
def test_every_decision_is_one_that_can_be_sent(
    drawn: list[tuple[ActKind, str, int, int]], described: bool
) -> None:
    corrections = _corrections(drawn, _ready(described))
    for decision in _decided(list(range(len(_TEXTS))), _ready(described), corrections).values():
        candidates = [*([decision.cluster] if decision.cluster else []), *decision.alternatives]
        assert all(0.0 <= candidate.confidence <= 1.0 for candidate in candidates)
        assert len({(candidate.cluster.id, candidate.owner) for candidate in candidates}) == len(candidates)
        assert 0.0 <= decision.margin <= 1.0
        assert decision.revision == len(drawn)
        if decision.outcome is Outcome.ROUTE:
            assert decision.owner is not None
            assert decision.cluster is not None
            assert decision.cluster.owner == decision.owner


def test_the_generation_decides_what_its_history_says() -> None:
    """What the laws above are told of is no generation that says one thing of all tickets."""
    decided = _decided(list(range(len(_TEXTS))), _ready(), _corrections([], _ready()))
    named = [decided[row].owner for row in range(len(FRESH), len(FRESH) + len(HISTORY))]
    assert named == [team for team, _ in HISTORY]
    assert {decision.outcome for decision in decided.values()} >= {Outcome.ROUTE, Outcome.TRIAGE}


def test_a_description_decides_what_the_history_does_not_know() -> None:
    """The law above is told of descriptions that are matched, too."""
    decided = _decided(list(range(len(_TEXTS))), _ready(described=True), _corrections([], _ready(True)))
    taken = {one.cluster.cluster.id for one in decided.values() if one.cluster}
    shown = {other.cluster.id for one in decided.values() for other in one.alternatives}
    assert {"d-0", "d-1"} <= taken | shown
