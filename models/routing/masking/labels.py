"""What the words before a number call it: "phone:", "订单号", "version". The recognisers of numbers ask here.

A label counts only where nothing but connecting words and marks stand between it and the number, so that
"the phone rang at gate 1234567" says nothing about 1234567. One that keeps a number reaches neither into the next
sentence nor past a "my": in "at the same time. My number is …" and "a new version my number is …" time and version
are not what the number is called. One that masks does, since clean joins a title to its description by a full stop.
"""

import re
from enum import Enum, auto


class Label(Enum):
    """What a number is called. KEEP: something that is not personal (an order, a version, an error code)."""

    KEEP = auto()
    PHONE = auto()
    CARD = auto()
    ACCOUNT = auto()
    ID = auto()
    IP = auto()


# How far back a label is looked for, in characters: the longest label with its connecting words
# ("driver's license number is: ") and some room.
_REACH = 40

_LATIN = {
    Label.PHONE: """phone telephone tel mobile cell cellphone fax whatsapp landline hotline call calls called calling
        dial dialed dialled ring contact reach reached sms answer answers answered answering""",
    Label.CARD: "card cards visa mastercard amex unionpay",
    Label.ACCOUNT: "account acct iban bsb qq",
    Label.ID: "ssn itin tin nino",
    Label.IP: "ip ipv4 ipv6",
    Label.KEEP: """order orders po tracking track parcel shipment waybill invoice ticket tickets case incident request
        req reference ref transaction txn trace correlation session serial sn imei model part sku batch lot error err
        errno code bug issue port amount total price time timestamp pid thread offset
        v ver version versions build release rev revision commit firmware driver sdk patch hotfix
        update updated updating upgrade upgraded upgrading downgrade downgraded downgrading install installed
        ios ipados android windows macos osx linux ubuntu chrome firefox safari edge""",
}
_PAIRS = {
    "social security": Label.ID,
    "national id": Label.ID,
    "identity card": Label.ID,
    "id card": Label.ID,
    "tax id": Label.ID,
    "national insurance": Label.ID,
    **{
        f"{who} {what}": Label.ID
        for who in ("driver's", "drivers", "driver", "driving")
        for what in ("license", "licence")
    },
    "sort code": Label.ACCOUNT,
    "routing number": Label.ACCOUNT,
}
_CHINESE = {
    Label.PHONE: "电话 手机 电话号 手机号 联系方式 座机 固话 传真 热线 致电 拨打 来电 回电 移动电话",
    Label.CARD: "卡号 银行卡 信用卡 储蓄卡 借记卡 贷记卡",
    Label.ACCOUNT: "账号 帐号 账户 帐户 收款账号 开户账号",
    Label.ID: "身份证 证件号 身份证号 证件号码 社保号 驾驶证 驾照",
    Label.KEEP: """订单 订单号 单号 运单 快递 快递单号 流水 流水号 工单 编号 序列号 交易号 发票 发票号 凭证号 批次 货号
        型号 版本 版本号 固件 升级到 更新到 升级至 更新至 代码 错误码 错误代码 报错 端口 金额 时间戳""",
}
_WORD = {word: label for label, words in _LATIN.items() for word in words.split()}
_CHINESE_WORD = {word: label for label, words in _CHINESE.items() for word in words.split()}
_LONGEST_CHINESE = max(map(len, _CHINESE_WORD))

_BETWEEN = """: = # ( ) . , ' " * - + no nr num number numbers id ids is was are at on to under via by with me us him
    her them my our your his the a new old please back again from"""
_CONNECTING = frozenset(_BETWEEN.split())
_CHINESE_CONNECTING = ("号码", "号", "码", "是", "为", "给", "我", "您", "请", "的", "在")
_CURRENCY = frozenset("$¥€£₹")

# Where something new is said: behind a full stop that does not shorten a word, and with a possessive.
_ANEW = re.compile(r"([a-z]*)\. |\b(?:my|our|your|his|her|their)\b")
_SHORTENINGS = "no nr num ref req trans txn v ver vers rev err errno sn po"
_SHORTENED = frozenset(_SHORTENINGS.split())

# Read from the number backwards, so that one or two words are looked at and not forty characters.
_TOKEN_BACKWARDS = re.compile(r"(?:s')?[a-z]+|[\u4e00-\u9fff]+|[^\sa-z\u4e00-\u9fff]")
_SECOND_WORDS = frozenset(pair.split()[1] for pair in _PAIRS)


def label_before(text: str, start: int) -> Label | None:
    """What the text calls the number that begins at `start`; None where it does not say."""
    before = text[max(0, start - _REACH) : start].lower()
    label, reach = _nearest(before)
    return None if label is Label.KEEP and _says_anew(before, len(before) - reach) else label


def _says_anew(before: str, start: int) -> bool:
    return any(said[1] is None or said[1] not in _SHORTENED for said in _ANEW.finditer(before, start))


def _nearest(before: str) -> tuple[Label | None, int]:
    """The label that `before` ends in, connecting words aside, and how many characters before the end it begins."""
    behind, reach = "", 0
    for match in _TOKEN_BACKWARDS.finditer(before[::-1]):
        token = match[0][::-1]
        if behind:
            label = _PAIRS.get(f"{token} {behind}") or _WORD.get(behind)
            if label or behind not in _CONNECTING:
                return label, reach
            behind = ""
        reach = match.end()
        if token in _SECOND_WORDS:
            behind = token
        elif token in _WORD:
            return _WORD[token], reach
        elif token in _CURRENCY:
            return Label.KEEP, reach
        elif "\u4e00" <= token[0] <= "\u9fff":
            return _chinese(token), reach
        elif token not in _CONNECTING:
            return None, reach
    return _WORD.get(behind), reach


def _chinese(run: str) -> Label | None:
    """The label that a run of Chinese characters ends in, connecting characters aside."""
    while run:
        for size in range(min(_LONGEST_CHINESE, len(run)), 1, -1):
            if label := _CHINESE_WORD.get(run[-size:]):
                return label
        for word in _CHINESE_CONNECTING:
            if run.endswith(word):
                run = run[: -len(word)]
                break
        else:
            return None
    return None
