"""Words: where Chinese ones begin and end, and which words tell a problem from another. Under the names of clusters and
the pieces of a heat map."""

import importlib
import re
import warnings
from functools import cache
from typing import Any

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
"""Chinese characters, as what stands between the brackets of a regular expression."""

_HAN = re.compile(f"[{HAN}]")


def is_han(word: str) -> bool:
    """Whether a word begins with a Chinese character."""
    return _HAN.match(word) is not None


def cut_han(run: str) -> list[str]:
    """The words of a run of Chinese characters, in order; together they are the run."""
    words: list[str] = _segmenter().lcut(run)
    return words


def tells(word: str) -> bool:
    """Whether a word may tell a problem from another: it is not too common, and no courtesy."""
    return word not in _CHINESE and word.casefold().replace("'", "").replace("’", "") not in _ENGLISH


@cache
def _segmenter() -> Any:
    """jieba, loaded where the first Chinese text needs it (its dictionary takes a second) and kept from writing
    about that to the console."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its patterns are written with escapes that newer Pythons warn of
        jieba = importlib.import_module("jieba")
    jieba.setLogLevel("CRITICAL")  # a cache that cannot be written is no error of ours
    return jieba


def _listed(text: str) -> frozenset[str]:
    return frozenset(text.split())


# English contractions stand without their apostrophe.
_ENGLISH = _listed(
    "a about above after again all also always am an and another any anybody anyone anything are around"
    " as ask at away back be because been before being both but by came can cannot cant come could couldnt"
    " did didnt do does doesnt doing done dont down each either else even ever every everything few find"
    " first for from further gave get gets getting give given go goes going gone gonna got had has hasnt"
    " have havent having he hello help her here hers hey hi him his how however i id if ill im in instead"
    " into is isnt it its itself ive just keep know last let lets like little look looks made make makes"
    " many may maybe me mean might mine more most much must my myself need needed needs never no nor not"
    " nothing now of off ok okay on once one only or other our ours out over own please quite rather"
    " really regards said same say says see seem seems seen shall she should shouldnt show since so some"
    " somehow someone something still such sure take tell than thank thanks that thats the their them then"
    " there theres these they thing things think this those though through to today together too took"
    " tried tries try trying two under until up upon us use used using very via want wanted wants was"
    " wasnt way we well went were what whats when where whether which while who whom whose why will with"
    " within without wont would wouldnt yes yet you your youre yours"
)

_CHINESE = _listed(
    "一下 一个 一些 一直 一样 不会 不能 不是 不知道 东西 为什么 为何 之前 之后 了 什么 今天"
    " 他们 以及 以后 但是 你们 你好 使用 其他 再次 几个 出现 刚才 刚刚 可以 可能 各位 吗 呢"
    " 和 哪里 啊 因为 在 多次 大家 如何 如果 它 就是 已经 帮忙 应该 开始 怎么 怎么办 怎样"
    " 您好 情况 想要 感谢 我 我们 所以 提示 无法 时候 是 是否 昨天 显示 最近 有时 有没有 没有"
    " 现在 的 目前 着 知道 第一次 经常 自己 致电 虽然 觉得 解决 让 请 请问 谁 谢谢 起来 还是"
    " 还有 这个 这些 这样 这种 这里 进行 进入 那个 那些 那么 那样 都 需要 非常 麻烦 问题"
)
