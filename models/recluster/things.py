"""Things: the systems, devices, apps and products that a text names, which lead the name of a cluster. Under name."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import IntEnum

from models.words import tells

# Of a company's products so many are known: those that most of its tickets name.
MOST_PRODUCTS = 200


class Sort(IntEnum):
    """What a thing is, in the order in which a name says them."""

    PRODUCT = 0  # of the company's own
    APP = 1
    PLATFORM = 2  # a system, or the device that it runs on


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing that a text names.

    Attributes:
        family: what it is called whatever its model or version, folded: the same for all names of one thing.
        model: with model or version, folded; the family where there is none.
        spelling: of each of the two, as it stands there.
        start, end: where it stands.
    """

    sort: Sort
    family: str
    model: str
    spelling: tuple[str, str]
    start: int
    end: int


# Things by all their names, parted by semicolons. One after = counts only as it is written here: it is a word beside.
_SYSTEMS = """
iOS ; iPadOS ; macOS ; watchOS ; Android 安卓 ; HarmonyOS 鸿蒙 ; Linux ; Ubuntu ; ChromeOS ; MIUI
HyperOS 澎湃OS ; EMUI ; ColorOS ; OriginOS ; =Windows
"""
_DEVICES = """
iPhone 苹果手机 ; iPad ; iMac ; MacBook ; AirPods ; Apple_Watch ; Samsung_Galaxy Samsung 三星
Google_Pixel =Pixel ; Huawei 华为 ; Xiaomi 小米 ; Redmi 红米 ; =Honor 荣耀 ; =vivo ; OPPO ; OnePlus 一加
realme ; =Lenovo 联想 ; ThinkPad ; =Surface ; =Kindle ; PlayStation ; Xbox ; Chromebook
"""
_APPS = """
WeChat 微信 ; Alipay 支付宝 ; UnionPay 银联 ; Apple_Pay ; Google_Pay ; PayPal ; DingTalk 钉钉
WeCom 企业微信 ; Feishu =Lark 飞书 ; TikTok Douyin 抖音 ; Weibo 微博 ; Taobao 淘宝 ; QQ ; =Chrome ; =Safari
=Firefox ; =Edge ; =Outlook ; Gmail ; =Teams ; =Zoom ; =Slack ; =Excel ; =SharePoint ; =Skype ; WhatsApp
=Telegram ; Facebook ; Instagram ; YouTube ; =Jira ; =Salesforce
"""
_LISTED = ((Sort.PLATFORM, _SYSTEMS), (Sort.PLATFORM, _DEVICES), (Sort.APP, _APPS))

# What follows the name of a thing and still is of it: iPhone 14 Pro, iOS 17.5, 华为 Mate 60, Nimbo Lock S2.
_MODEL = (
    r"(?:[ ]?(?:(?:Pro|Max|Plus|[Mm]ini|Lite|SE|Ultra|Air|Note|Mate|[Nn]ova|Magic|Reno|Find|Fold|Flip)(?![A-Za-z])"
    r"|[A-Z]{0,2}\d{1,4}(?:\.\d{1,3}){0,2}(?![\dA-Za-z-]|\.\d)))*"
)


@dataclass(frozen=True, slots=True)
class Things:
    """Finds the listed things and a company's own products in texts; see `things_of`."""

    pattern: re.Pattern[str]
    sorts: dict[str, tuple[Sort, str]]

    def find(self, text: str) -> Iterator[Thing]:
        """The things that a text names, in order."""
        for found in self.pattern.finditer(text):
            name = found["name"]
            sort, family = self.sorts[name.casefold()]
            whole = found[0]
            model = family + whole[len(name) :].casefold().replace(" ", "")
            yield Thing(sort, family, model, (name, whole), found.start(), found.end())


def things_of(products: Collection[str] = ()) -> Things:
    """What finds the listed things, and the products that tickets name.

    Args:
        products: names of a company's own; a single character is none, nor is a word that tells nothing ("other").
    """
    sorts: dict[str, tuple[Sort, str]] = {}
    exact: list[str] = []
    folded: list[str] = []
    for sort, text in _LISTED:
        for line in re.split(r"[;\n]", text):
            names = [name.replace("_", " ") for name in line.split()]
            for name in names:
                (exact if name.startswith("=") else folded).append(name.removeprefix("="))
                sorts[name.removeprefix("=").casefold()] = sort, names[0].removeprefix("=").casefold()
    for product in products:
        name = " ".join(product.split())
        if len(name) > 1 and tells(name):
            folded.append(name)
            sorts[name.casefold()] = Sort.PRODUCT, name.casefold()
    anyhow = f"{_any_of(exact)}|(?i:{_any_of(folded)})"
    return Things(re.compile(rf"(?<![A-Za-z0-9])(?P<name>{anyhow})(?![A-Za-z]){_MODEL}"), sorts)


def _any_of(names: Collection[str]) -> str:
    """The names as alternatives, the longest first."""
    return "|".join(re.escape(name) for name in sorted(set(names), key=lambda name: (-len(name), name)))
