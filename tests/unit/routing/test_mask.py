"""What is masked, what stays, and what a long hostile text costs."""

from collections.abc import Iterator

import pytest

from models.routing.mask import ALL, DEFAULT, TOKEN, mask
from models.routing.masking.span import Kind, Span
from tests.fakes.recogniser import Words

MASKED = {
    "mobile glued to Chinese": ("电话13812345678请回", "电话[PHONE]请回"),
    "mobile with country code": ("手机 +86 138-1234-5678。", "手机 [PHONE]。"),
    "mobile with 0086": ("0086 13812345678 打不通", "[PHONE] 打不通"),
    "mobile full width": ("１３８１２３４５６７８ 打不通", "[PHONE] 打不通"),
    "mobile in a file name": ("见 张三_13812345678.pdf", "见 张三_[PHONE].pdf"),
    "landline with extension": ("座机010-88886666转801", "座机[PHONE]"),
    "landline in brackets": ("请打(0571)88886666", "请打[PHONE]"),
    "landline in full-width brackets": ("请打（0571）88886666", "请打[PHONE]"),
    "local number that is called one": ("联系电话是 87654321", "联系电话是 [PHONE]"),
    "a list carries its label on": ("电话：87654321、87654322", "电话：[PHONE]、[PHONE]"),
    "called a phone once, a phone throughout": ("id 7654321, phone 7654321", "id [PHONE], phone [PHONE]"),
    "hotline": ("打400-123-4567没人接", "打[PHONE]没人接"),
    "US with brackets": ("call (415) 555-2671 x12", "call [PHONE]"),
    "US with dots": ("reach me: 415.555.2671", "reach me: [PHONE]"),
    "area code of five digits": ("Phone: 05334 75 83 35", "Phone: [PHONE]"),
    "international": ("+44 20 7946 0958 is mine", "[PHONE] is mine"),
    "international with 00": ("ring 0033 6 12 34 56 78 please", "ring [PHONE] please"),
    "label behind": ("12 Main St 61 51 81 office", "12 Main St [PHONE] office"),
    "e-mail": ("Mail jane.doe+x@mail.example.co.uk.", "Mail [EMAIL]."),
    "e-mail in Chinese": ("邮箱zhang.san＠qq.com，谢谢", "邮箱[EMAIL]，谢谢"),
    "e-mail with digits glued behind": ("li@x.com13812345678", "[EMAIL][PHONE]"),
    "resident identity": ("身份证11010519491231002X。", "身份证[ID]。"),
    "resident identity with small x and blanks": ("办理 110105 19491231 002x", "办理 [ID]"),
    "resident identity, wrong check, called one": ("身份证号：110105194912310021", "身份证号：[ID]"),
    "SSN by form": ("it is 123-45-6789", "it is [ID]"),
    "SSN by label": ("social security number 123456789", "social security number [ID]"),
    "driving licence": ("driver's license number is A125325867", "driver's license number is [ID]"),
    "card": ("paid with 4111 1111 1111 1111 today", "paid with [CARD] today"),
    "card by dashes, full width": ("付款４１１１－１１１１－１１１１－１１１１失败", "付款[CARD]失败"),
    "UnionPay, 19 digits": ("尾号 6222021234567890128", "尾号 [CARD]"),
    "card, wrong check, called one": ("银行卡：6222021234567890123", "银行卡：[CARD]"),
    "IBAN": ("to DE89370400440532013000 now", "to [IBAN] now"),
    "IBAN in groups": ("GB82 WEST 1234 5698 7654 32 please", "[IBAN] please"),
    "account by label": ("account number 12345678", "account number [ACCOUNT]"),
    "QQ": ("加QQ：12345678", "加QQ：[ACCOUNT]"),
    "IPv4 with port": ("cannot reach 10.0.0.12:8080.", "cannot reach [IP]:8080."),
    "IPv4 range": ("10.0.0.1-10.0.0.20", "[IP]-[IP]"),
    "IPv6": ("from 2001:db8:85a3::8a2e:370:7334 only", "from [IP] only"),
    "MAC": ("MAC 00:1A:2B:3C:4D:5E and 00-1a-2b-3c-4d-5e", "MAC [MAC] and [MAC]"),
    "URL with secrets": (
        "https://me:pw@example.com/reset/9f8e7d6c?token=abc 打不开",
        "https://[URL]@example.com/reset/[URL] 打不开",
    ),
    "URL with a query, glued to Chinese": (
        "打开https://a.cn/login?x=1报错",
        "打开https://a.cn/login?[URL]报错",
    ),
    "URL without scheme": ("see www.a.cn/u/83771", "see www.a.cn/u/[URL]"),
    "host that is an address": ("http://10.1.2.3:80/a/b?c=d", "http://[IP]:80/a/b?[URL]"),
    "plate": ("车牌京A·12345和粤BD12345", "车牌[PLATE]和[PLATE]"),
    "plate with few digits": ("沪AB123C违停", "[PLATE]违停"),
    "passport by label": ("passport no: AB1234567", "passport no: [PASSPORT]"),
    "passport of digits": (
        "passport number 123456789, 护照号：E12345678",
        "passport number [PASSPORT], 护照号：[PASSPORT]",
    ),
    "Chinese passport by form": ("持E12345678入境", "持[PASSPORT]入境"),
    "WeChat id": ("微信号：zhang_san88", "微信号：[WECHAT]"),
    "WeChat id, short label": ("wx:abc_123", "wx:[WECHAT]"),
    "WeChat id in a sentence": ("加我微信 zhangsan123", "加我微信 [WECHAT]"),
    "WeChat id before a full stop": ("WeChat ID: tiger_72872. Thanks", "WeChat ID: [WECHAT]. Thanks"),
    "WeChat id before a full stop and no blank": ("微信号：tiger_72872.Nimbo", "微信号：[WECHAT].Nimbo"),
    "WeChat id with a word written on": ("微信号：cloud_05924HarmonyOS-4", "微信号：[WECHAT]"),
    "WeChat label behind a digit": ("机型 Cam 3微信号：coral_84302大概", "机型 Cam 3微信号：[WECHAT]大概"),
    "a sentence before speaks of time": (
        "at the same time. My number is (312) 658-7984.",
        "at the same time. My number is [PHONE].",
    ),
    "a sentence before ends in an order": (
        "It is about my order. 13812345678",
        "It is about my order. [PHONE]",
    ),
    "no full stop before my": (
        "since the new version my number is 13812345678",
        "since the new version my number is [PHONE]",
    ),
    "called a phone in the sentence before": (
        "please call. My number is 7654321",
        "please call. My number is [PHONE]",
    ),
    "country code, word written on": ("+86 17063753372Nimbo Hub", "[PHONE]Nimbo Hub"),
    "country code, words on both sides": ("Hub+86 17063753372iPhone14", "Hub[PHONE]iPhone14"),
    "called a phone, letter behind": ("手机13812345678V", "手机[PHONE]V"),
    "mobile with a word written on": ("13812345678Nimbo 打不开", "[PHONE]Nimbo 打不开"),
    "mobile written on to a word": ("打不开Nimbo13812345678", "打不开Nimbo[PHONE]"),
    "resident identity with a word written on": ("11010519491231002XNimbo", "[ID]Nimbo"),
    "card with a word written on": ("4111111111111111Visa", "[CARD]Visa"),
    "passport with a word written on": ("持E12345678Nimbo", "持[PASSPORT]Nimbo"),
    "plate with a word written on": ("京A12345please", "[PLATE]please"),
    "IPv4 that is called one, word written on": ("my IP is 23.4.5.6Nimbo", "my IP is [IP]Nimbo"),
    "masked label": ("https://a.cn/u/83771/order 13812345678", "https://a.cn/u/[URL] [PHONE]"),
    "Arabic digits": ("اتصل +٩٦٦ ٥٠ ١٢٣ ٤٥٦٧", "اتصل [PHONE]"),
}

KEPT = {
    "order number like a mobile": "订单号13812345678 未发货",
    "order number with a good Luhn check": "order no. 4111111111111111",
    "long order number": "订单号：20240512123456789",
    "error codes": "0x80070005, ORA-00942, E1234, HTTP 500, 错误码 13912345678",
    "version of four parts": "version 17.5.1.2, v1.2.3.4, 升级到 4.3.2.1, 版本：8.0.49.2, openssl-1.0.2.1",
    "version with a suffix": "Linux x64 5.10.16.3-microsoft",
    "system and device": "iPhone 14 Pro, iOS 17.5, Windows 10.0.19045, Chrome/113.0.5672.126",
    "time stamps": "1715500000000, 1715500000, 2024-05-12 12:34:56.123456, 20240512123456",
    "amounts": "¥1,234,567.00, $ 12345678, 共 1234567 元",
    "tracking numbers": "运单号 SF1234567890123, 1Z999AA10123456784, tracking number 9400111899223",
    "resident identity, wrong check": "编码 110105194912310021 无效",
    "card, wrong check": "值 4111111111111112 无效",
    "IMEI": "IMEI 356938035643809",
    "UUID and hash": "550e8400-e29b-41d4-a716-446655440000 da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "decimal fraction": "ratio 0.4539148031436467",
    "time and C++": "12:30:45, std::vector, a::b, ::1",
    "loopback": "127.0.0.1:8080 and 0.0.0.0",
    "WeChat in prose": "WeChat: payment failed, 微信 android12 login failed",
    "a new version is no plate": "更新A12345",
    "plain URL": "https://example.com/docs/getting-started/v2/index.html",
    "handle and package": "@jane uses @types/node and left-pad@1.3.0",
    "comparison": "a < b, 12 > 3, x-1",
    "a row of small numbers": "0-0-0-0-10-0-0-01-0-01-0-0-10",
    "letters around": "abc13812345678def",
    "mobile within a code": "AB13812345678X, 13812345678X, ORD13812345678, SN-X13812345678, 13812345678ab12cd34",
    "unit behind": "13812345678ms",
    "order glued to its number": "order13812345678",
    "shortened words end no sentence": "order no. 13812345678, ref. 13812345678, ver. 13.2.3.4",
    "version with letters": "firmware 23.4.5.6, 23.4.5.6beta",
    "WeChat module": "wx:request.login failed",
}

# Texts that make a backtracking pattern explode; the session's time-out ends the test if one does.
HOSTILE = {
    "digits": "1" * 20_000,
    "spaced digits": "1 " * 10_000,
    "pairs of digits": "12 " * 6_600,
    "groups of four": "4539 " * 4_000,
    "dots": "1." * 10_000,
    "at signs": "a@" * 10_000,
    "local part": "a" * 20_000 + "@",
    "labels of a domain": "a@" + "a." * 10_000,
    "colons": "a:" * 10_000,
    "dashes": "00-" * 6_600,
    "schemes": "a://" * 5_000,
    "path": "https://a/" + "a/" * 10_000,
    "IBAN": "AB12 " * 4_000,
    "labels": "phone number is " * 1_200,
    "WeChat": "微信:" * 6_600,
    "licence": "身份证号" * 5_000,
    "brackets": "(" * 10_000 + "+" * 10_000,
    "plates": "京A1234" * 2_800,
    "the same value often": "phone 7654321 " * 1_400,
    "words written on": "13812345678abcdef" * 1_200,
    "words before": "abc13812345678abc " * 1_100,
    "one long word": "a" * 10_000 + "13812345678" + "a" * 10_000,
    "a long name": "微信号" + "a" * 20_000,
    "many full stops": "order my. " * 2_000 + "1234567",
    "glued values": "a@b.cn13812345678" * 1_000,
}


@pytest.mark.parametrize(("text", "expected"), MASKED.values(), ids=MASKED.keys())
def test_masks(text: str, expected: str) -> None:
    assert mask(text).text == expected


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_keeps(text: str) -> None:
    assert mask(text).text == text


@pytest.mark.parametrize("text", [text for text, _ in MASKED.values()], ids=MASKED.keys())
def test_masking_again_changes_nothing(text: str) -> None:
    once = mask(text)
    again = mask(once.text)
    assert (again.text, dict(again.counts)) == (once.text, {})


def test_counts_by_kind() -> None:
    masked = mask("a@b.cn, c@d.cn, phone 7654321, later 7654321")
    assert dict(masked.counts) == {Kind.EMAIL: 2, Kind.PHONE: 2}
    assert len(TOKEN.findall(masked.text)) == 4


@pytest.mark.parametrize("kind", sorted(DEFAULT), ids=str)
def test_looks_only_for_the_kinds_asked_for(kind: Kind) -> None:
    every = " | ".join(text for text, _ in MASKED.values())
    assert set(mask(every, {kind}).counts) == {kind}
    assert kind not in mask(every, DEFAULT - {kind}).counts


def test_hides_the_host_on_request() -> None:
    text = "open https://jane-doe.example.com/ now"
    assert mask(text).text == text
    assert mask(text, ALL).text == "open [HOST] now"


@pytest.mark.parametrize("text", [text for text, _ in MASKED.values()], ids=MASKED.keys())
def test_says_where_the_pieces_stood(text: str) -> None:
    """Put in their places, the tokens give the masked text, however many rounds it took."""
    masked = mask(text)
    told = text
    for span in reversed(masked.spans):
        told = f"{told[: span.start]}[{span.kind}]{told[span.end :]}"
    assert told == masked.text


NAMES = frozenset({Kind.NAME, Kind.ADDRESS})


def test_names_are_found_by_a_recogniser_alone() -> None:
    assert mask("Ann Lee, 13812345678", DEFAULT | NAMES).text == "Ann Lee, [PHONE]"
    told = mask("Ann Lee, 13812345678", DEFAULT | NAMES, Words({"Ann Lee": Kind.NAME}))
    assert told.text == "[NAME], [PHONE]"
    assert dict(told.counts) == {Kind.NAME: 1, Kind.PHONE: 1}


def test_a_recogniser_is_not_asked_for_kinds_that_nobody_wants() -> None:
    words = Words({"Ann Lee": Kind.NAME})
    assert mask("Ann Lee", DEFAULT, words).text == "Ann Lee"
    assert words.asked == []
    both = Words({"Ann Lee": Kind.NAME, "Elm Road 5": Kind.ADDRESS})
    assert mask("Ann Lee, Elm Road 5", DEFAULT | {Kind.NAME}, both).text == "[NAME], Elm Road 5"


def test_a_recogniser_sees_tokens_and_no_numbers_and_can_not_undo_them() -> None:
    words = Words({"PHONE": Kind.NAME, "call": Kind.NAME})
    assert mask("call 13812345678", DEFAULT | NAMES, words).text == "[NAME] [PHONE]"
    assert words.asked[0] == "call [PHONE]"


def test_form_is_looked_at_again_once_a_name_is_gone() -> None:
    words = Words({"order": Kind.NAME})
    assert mask("order 13812345678", DEFAULT | NAMES, words).text == "[NAME] [PHONE]"


def test_a_chinese_name_is_masked_wherever_it_stands_again() -> None:
    class First(Words):
        def find(self, text: str) -> Iterator[Span]:
            yield from (span for span in super().find(text) if span.start == 0)

    words = First({"李雷": Kind.NAME})
    assert mask("李雷说，李雷的手机", DEFAULT | NAMES, words).text == "[NAME]说，[NAME]的手机"


@pytest.mark.timeout(60)
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_texts_end(text: str) -> None:
    masked = mask(text).text
    assert mask(masked).text == masked
