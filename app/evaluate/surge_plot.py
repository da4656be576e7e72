"""A backtest as a picture: the counts of each series, what was expected, what people say happened, and the pages.

matplotlib is imported where it draws: nothing else of Sluice needs it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from app.evaluate.surge_alerts import Alert
from app.evaluate.surge_backtest import Backtest
from app.evaluate.surge_peers import HOUR_S, hourly
from app.evaluate.surge_walk import lives
from app.files.series import Floats, Longs, Series, Span
from models.errors import Fatal

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

Dates = NDArray[np.datetime64]

_WIDTH_IN, _PANEL_IN, _HEAD_IN = 12.0, 1.7, 0.5
_DPI = 110
_COUNT, _EXPECTED, _WINDOW, _PAGE, _FALSE = "#4c6a88", "#e08a00", "#f2d477", "#b3122b", "#7d3fae"
_NOT_SCORED = "#dddddd"
# Where a panel's marks of pages stand, as shares of its height.
_MARK_AT = 0.96
# From a peak of so many times the usual on, roots are drawn: else the usual would be a line at the bottom.
_STEEP = 12.0
_LONGEST_TITLE = 90
# Fonts that have Chinese, of Linux, Windows and macOS, in the order in which they are looked for.
_CHINESE = (
    *("Noto Sans CJK SC", "Noto Sans CJK JP", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN"),
    *("WenQuanYi Micro Hei", "WenQuanYi Zen Hei", "Droid Sans Fallback", "AR PL UMing CN"),
    *("Microsoft YaHei", "SimHei", "PingFang SC", "Hiragino Sans GB", "Heiti SC", "Arial Unicode MS"),
)


def check_path(path: Path) -> None:
    """Say what is wrong with the name of a picture, before there is one.

    Raises:
        Fatal: it does not end in .png, or its folder is not there.
    """
    if path.suffix.lower() != ".png":
        raise Fatal(f"{path.name}: a name that ends in .png is needed")
    if not path.parent.is_dir():
        raise Fatal(f"{path.parent}: is no folder")


def draw(backtest: Backtest, path: Path, panels: int) -> None:
    """Write a PNG with one panel a series, at most `panels` of them, those with most to see.

    Raises:
        Fatal: the file cannot be written.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    shown, fonts = _most_to_see(backtest, panels), _fonts()
    names = [one.name for one in backtest.history.series]
    style = {"font.family": fonts, "font.size": 9, "axes.spines.top": False, "axes.spines.right": False}
    with rc_context(style):
        size = _WIDTH_IN, _HEAD_IN + _PANEL_IN * len(shown)
        figure = Figure(size, dpi=_DPI, layout="constrained")
        axes = figure.subplots(len(shown), 1, squeeze=False)[:, 0]
        for series, one in zip(shown, axes, strict=True):
            _panel(one, series, backtest)
            place = names.index(series.name) + 1
            one.set_title(_readable(series.name, fonts, place), loc="left", fontsize=10)
        figure.legend(handles=_legend(backtest), loc="outside upper right", ncols=7, frameon=False)
        try:
            FigureCanvasAgg(figure).print_png(path)
        except OSError as error:
            raise Fatal(f"{path}: cannot be written ({error.strerror})") from None


def _most_to_see(backtest: Backtest, panels: int) -> list[Series]:
    """The series with most windows and pages, then those with most counts; in the order of their names."""
    seen = [one.series for one in backtest.alerts]
    windows = backtest.windows or {}

    def rank(one: Series) -> tuple[int, float, str]:
        return -len(windows.get(one.name, ())) - seen.count(one.name), -float(one.count.sum()), one.name

    return sorted(sorted(backtest.history.series, key=rank)[:panels], key=lambda one: one.name)


def _panel(axes: Axes, series: Series, backtest: Backtest) -> None:
    hours = hourly(series)
    begins = hours.start_s + HOUR_S * np.arange(len(hours.count) + 1)
    counts = np.append(hours.count, hours.count[-1])
    axes.fill_between(_dates(begins), counts, step="post", color=_COUNT, alpha=0.3, linewidth=0)
    axes.plot(_dates(begins), counts, drawstyle="steps-post", color=_COUNT, linewidth=0.7)
    _draw_expected(axes, [day for trace in backtest.traces for day in trace.expected.get(series.name, ())])
    windows = (backtest.windows or {}).get(series.name, ())
    for window in windows:
        axes.axvspan(*_dates(window), color=_WINDOW, alpha=0.5, linewidth=0, zorder=0)
    life = lives(backtest.history)[series.name]
    begin, scored = life[0], backtest.spans.get(series.name, (life[1],))[0]
    axes.axvspan(*_dates([begin, scored]), color=_NOT_SCORED, alpha=0.5, linewidth=0, zorder=0)
    _set_heights(axes, hours.count)
    for alert in backtest.alerts:
        if alert.series == series.name:
            _mark(axes, alert, _page_colour(alert, windows, backtest))
    _set_dates(axes, life)


def _draw_expected(axes: Axes, days: Sequence[tuple[int, Floats]]) -> None:
    """One line, broken where days are missing between."""
    at_s, hours = list[int](), list[float]()
    for day_s, expected in days:
        if at_s and day_s > at_s[-1] + HOUR_S:
            at_s.append(day_s)
            hours.append(np.nan)
        at_s += [day_s + HOUR_S * hour for hour in range(len(expected))]
        hours += expected.tolist()
    axes.plot(_dates(at_s), hours, drawstyle="steps-post", color=_EXPECTED, linewidth=0.9, zorder=1.5)


def _set_heights(axes: Axes, count: Floats) -> None:
    top, usual = float(count.max()), float(np.quantile(count, 0.9))
    unit = "an hour"
    if top > _STEEP * max(usual, 1.0):
        axes.set_yscale("function", functions=(lambda y: np.sqrt(np.maximum(y, 0.0)), np.square))
        axes.set_yticks([0, *(_round(top * share) for share in (0.05, 0.3, 1.0))])
        unit = "an hour, roots"
    axes.set_ylim(0, max(top, 1.0) * 1.25)
    axes.set_ylabel(unit)


def _round(value: float) -> float:
    """Down to its first digit."""
    unit = 10.0 ** np.floor(np.log10(value))
    return float(np.floor(value / unit) * unit)


def _set_dates(axes: Axes, span: Span) -> None:
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(minticks=4, maxticks=12)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_xlim(*_dates(span))


def _mark(axes: Axes, alert: Alert, colour: str) -> None:
    """A triangle where the page was sent, and a line until its end was told."""
    heights = axes.get_xaxis_transform()
    lasts = _dates([alert.start_s, alert.end_s])
    axes.plot(
        lasts, [_MARK_AT, _MARK_AT], transform=heights, color=colour, linewidth=2.0, solid_capstyle="butt"
    )
    axes.plot(lasts[:1], [_MARK_AT], transform=heights, color=colour, marker="v", markersize=7, clip_on=False)
    axes.axvline(lasts[0], color=colour, linewidth=0.8, alpha=0.7)


def _page_colour(alert: Alert, windows: Sequence[Span], backtest: Backtest) -> str:
    if backtest.windows is None:
        return _PAGE
    early_s = backtest.asked.matching.early_s
    return _PAGE if any(start - early_s <= alert.start_s <= end for start, end in windows) else _FALSE


def _legend(backtest: Backtest) -> list[Artist]:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    def line(label: str, colour: str, marker: str = "") -> Artist:
        return Line2D([], [], color=colour, marker=marker, label=label)

    always = [
        line("counts", _COUNT),
        line("expected", _EXPECTED),
        Patch(color=_NOT_SCORED, alpha=0.5, label="warm-up"),
    ]
    if backtest.windows is None:
        return [*always, line("paged, until its end was told", _PAGE, "v")]
    happened = Patch(color=_WINDOW, alpha=0.5, label="what people say happened")
    return [*always, happened, line("page in it", _PAGE, "v"), line("page outside", _FALSE, "v")]


def _dates(at_s: Sequence[int] | Longs) -> Dates:
    return np.asarray(at_s, dtype="datetime64[s]")


# -- names in letters that the machine's fonts have


def _fonts() -> list[str]:
    """matplotlib's own font, and behind it one with Chinese where the machine has one."""
    from matplotlib.font_manager import fontManager

    there = {font.name for font in fontManager.ttflist}
    return ["DejaVu Sans", *(name for name in _CHINESE if name in there)][:2]


def _readable(name: str, fonts: Sequence[str], place: int) -> str:
    """The name, or its place among the file's for one with letters that none of the fonts has."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    faces: list[Any] = [get_font(findfont(FontProperties(family=[font]))) for font in fonts]
    if not all(any(face.get_char_index(ord(letter)) for face in faces) for letter in name):
        return f"series {place} by name (this machine has no font for it)"
    shown = name if len(name) <= _LONGEST_TITLE else name[: _LONGEST_TITLE - 1] + "…"
    return shown.replace("$", r"\$")
