"""Names and addresses in Chinese out of a tagger's words, given here by hand: `张伟/PER 在/p 北京市/LOC`."""

import pytest

from models.routing.masking.chinese import Word, find_chinese

FAMILY = frozenset(["张", "王", "李", "欧阳", "高"])


def tagged(marked: str) -> tuple[str, list[Word]]:
    """The text without its marks, and its words."""
    text, words = "", []
    for piece in marked.split(" "):
        written, _, tag = piece.partition("/")
        words.append(Word(len(text), len(text) + len(written), tag))
        text += written
    return text, words


FOUND = {
    "name": ("我/r 叫/v 张伟/PER", ["NAME 张伟"]),
    "family name of two": ("欧阳娜娜/PER 来电/v", ["NAME 欧阳娜娜"]),
    "courtesy inside": ("王女士/PER 反映/v", ["NAME 王女士"]),
    "family name and courtesy": ("李/PER 经理/n 说/v", ["NAME 李经理"]),
    "foreign": ("约翰·史密斯/PER 说/v", ["NAME 约翰·史密斯"]),
    "foreign, cut by the tagger": ("阿依古丽/PER ·/w 买买提/v 说/v", ["NAME 阿依古丽·买买提"]),
    "road and number": ("住/v 在/p 上海市/LOC 碧波路690号/LOC 。/w", ["ADDRESS 上海市碧波路690号"]),
    "down to the flat": (
        "寄到/v 北京市/LOC 建国路88号/LOC 3/m 号楼/n 1205/m 室/n",
        ["ADDRESS 北京市建国路88号3号楼1205室"],
    ),
    "bare flat": ("送/v 中山北路30号2栋/LOC 501/m ，/w", ["ADDRESS 中山北路30号2栋501"]),
    "section of a road": (
        "到/v 武侯区/LOC 人民南路/LOC 四段/m 27号/m 商鼎国际/LOC 1栋/m",
        ["ADDRESS 武侯区人民南路四段27号商鼎国际1栋"],
    ),
    "building behind a number": (
        "到/v 民生路/LOC 235/m 号/q 海航保利国际中心/ORG 32/m 楼/q",
        ["ADDRESS 民生路235号海航保利国际中心32楼"],
    ),
    "part of it taken for a person": (
        "到/v 深圳市/LOC 南山区/LOC 高新/PER 南/f 一道/m 8号/m ，/w",
        ["ADDRESS 深圳市南山区高新南一道8号"],
    ),
    "two addresses": ("从/p 甲城路1号/LOC 到/v 乙街22号/LOC", ["ADDRESS 甲城路1号", "ADDRESS 乙街22号"]),
    "name and address": ("李娜/PER 住/v 甲城路12号/LOC", ["NAME 李娜", "ADDRESS 甲城路12号"]),
}

LEFT = {
    "province, city": "北京市/LOC 和/c 广东省/LOC 的/u 用户/n",
    "city and road": "杭州市/LOC 文一路/LOC 堵车/v",
    "no family name": "小米/PER 手机/n",
    "a word that begins with a family name": "高亮/PER 不/d 对/a",
    "not Chinese": "Tom/PER 说/v",
    "family name alone": "王/PER 说/v",
    "too long for a name": "张北京天安门/PER 说/v",
    "dot at the end": "小米/PER ·/w",
    "year behind a place": "上海/LOC 2024/m 年/q",
    "other words": "订单/n 88/m 号/q",
}


@pytest.mark.parametrize(("marked", "found"), FOUND.values(), ids=FOUND.keys())
def test_finds(marked: str, found: list[str]) -> None:
    text, words = tagged(marked)
    spans = find_chinese(text, words, FAMILY)
    assert [f"{span.kind} {text[span.start : span.end]}" for span in spans] == found


@pytest.mark.parametrize("marked", LEFT.values(), ids=LEFT.keys())
def test_leaves(marked: str) -> None:
    text, words = tagged(marked)
    assert [text[span.start : span.end] for span in find_chinese(text, words, FAMILY)] == []
