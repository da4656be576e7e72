"""Laws of making a generation: what is chosen to vote, and what clusters are called."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.recluster.exemplars import ExemplarPolicy, choose_exemplars
from models.recluster.name import name_clusters

_rows = st.lists(st.tuples(st.integers(-1, 5), st.sampled_from("abcdefgh"), st.integers(0, 9)), max_size=80)


@given(rows=_rows, most=st.integers(6, 60), least=st.integers(1, 10))
def test_exemplars_are_within_the_most_and_leave_no_cluster_out(
    rows: list[tuple[int, str, int]], most: int, least: int
) -> None:
    labels = np.array([label for label, _, _ in rows], dtype=np.int64)
    texts = [text for _, text, _ in rows]
    created = np.array([age for _, _, age in rows], dtype=np.int64)
    chosen = choose_exemplars(labels, texts, created, ExemplarPolicy(most, least))
    kept = [(int(labels[row]), texts[row]) for row in chosen]
    assert len(chosen) <= most
    assert len(set(kept)) == len(kept)
    assert {label for label, _ in kept} == set(labels[labels >= 0].tolist())


@settings(deadline=None)
@given(
    texts=st.dictionaries(
        st.integers(0, 9),
        st.lists(st.text("ab cd[PHONE]支付'", max_size=20), min_size=1, max_size=4),
        min_size=1,
    )
)
def test_names_are_never_empty_and_never_shared(texts: dict[int, list[str]]) -> None:
    names = [name.name for name in name_clusters(texts, {}).values()]
    assert all(names)
    assert len(set(names)) == len(names) == len(texts)
