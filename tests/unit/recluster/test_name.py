"""Names: readable, unique, free of masks."""

import subprocess
import sys

import pytest

from models.recluster.name import KEYWORDS, name_clusters

_PAYMENT = [
    "微信支付一直失败怎么办，扣款了",
    "iPhone 14 用微信付款失败",
    "iOS 更新后微信支付失败",
    "支付失败了，微信扣了钱 [PHONE]",
    "请问微信支付失败如何退款",
    "iOS 微信支付失败 [ORDER_ID]",
]
_CODE = [
    "收不到短信验证码",
    "验证码一直收不到，手机号 [PHONE]",
    "登录的时候验证码发送失败",
    "登录收不到验证码",
]
_REFUND = [
    "Where is my refund for [ORDER]?",
    "The refund of [AMOUNT] is missing",
    "Refund not received from the shop",
]
_RATE = [
    "wrong exchange rate",
    "The exchange rate was wrong abroad",
    "bad exchange rate, exchanging is dear",
    "rates",
]


def test_names_say_what_sets_clusters_apart() -> None:
    names = name_clusters({0: _PAYMENT, 1: _CODE, 2: _REFUND, 3: _RATE}, {})
    assert names[0].name == "微信 · 支付失败 · iOS"
    assert names[1].name.startswith("验证码 · 收不到")
    assert names[2].name.split(" · ")[0].casefold() == "refund"
    assert names[3].name.split(" · ")[0] == "exchange rate"


def test_no_mask_stop_word_or_number_is_a_keyword() -> None:
    names = name_clusters({0: _PAYMENT, 1: _CODE, 2: _REFUND}, {})
    words = {word.casefold() for name in names.values() for word in (*name.keywords, *name.name.split(" · "))}
    assert not any("[" in word or "phone]" in word or word in {"order", "amount", "phone"} for word in words)
    assert not words & {"the", "where", "请问", "怎么办", "14"}


def test_no_keyword_is_part_or_another_form_of_another() -> None:
    keywords = name_clusters({0: _RATE, 1: _REFUND}, {})[0].keywords
    assert not any(
        one != other and one.casefold() in other.casefold() for one in keywords for other in keywords
    )
    assert "exchanging" not in keywords
    assert len(keywords) <= KEYWORDS


def test_alike_clusters_get_names_of_their_own() -> None:
    names = name_clusters({0: _REFUND, 1: _REFUND, 2: _REFUND}, {})
    assert len({name.name for name in names.values()}) == 3


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        pytest.param({0: "card_arrival"}, "card_arrival", id="people's label is the name"),
        pytest.param({}, "#1", id="no words at all"),
    ],
)
def test_a_cluster_whose_texts_say_nothing(given: dict[int, str], expected: str) -> None:
    assert name_clusters({0: ["[PHONE]", "the 123"]}, given)[0].name == expected


def test_one_label_for_two_clusters_gets_words_added() -> None:
    names = name_clusters({0: _REFUND, 1: _RATE}, {0: "money", 1: "money"})
    assert names[0].name == "money"
    assert names[1].name == f"money · {names[1].keywords[0]}"


def test_words_keep_the_case_they_are_mostly_written_in() -> None:
    names = name_clusters({0: ["IOS crash", "iOS crash", "iOS stops"], 1: _REFUND}, {})
    assert "iOS" in names[0].keywords


def test_chinese_words_are_found_without_a_line_on_the_console() -> None:
    code = "from models.recluster.name import name_clusters; name_clusters({0: ['微信支付失败']}, {})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")


_LOCK = ["Nimbo Lock 指纹识别失败", "指纹识别失败 Nimbo Lock", "Nimbo Lock 识别不了指纹", "指纹 Nimbo Lock"]
_WINDOWS = [f"console is slow on Windows {version}" for version in (10, 11, 10, 11)]
_MODEL = [f"screen flickers, iPhone 14 Pro, {word}" for word in ("bright", "dark", "always", "rarely")]


def test_products_systems_and_devices_lead_where_they_tell_a_cluster_apart() -> None:
    names = name_clusters({0: _LOCK, 1: _WINDOWS, 2: _MODEL}, {}, products=["Nimbo Lock"])
    assert names[0].name.startswith("Nimbo Lock · 指纹")
    assert names[1].name.startswith("Windows · console")  # no version is most of them
    assert names[2].name.startswith("iPhone 14 Pro · screen")


def test_what_all_clusters_name_leads_none() -> None:
    texts = {0: [f"iOS {text}" for text in _REFUND], 1: [f"iOS {text}" for text in _RATE]}
    assert not any(name.name.startswith("iOS") for name in name_clusters(texts, {}).values())


def test_a_name_is_in_the_language_of_most_texts_and_codes_belong_to_each() -> None:
    mixed = [*["退款 refund RF-302 没到账"] * 5, *["refund RF-302 退款 missing"] * 2]
    parts = name_clusters({0: mixed, 1: _RATE}, {})[0].name.split(" · ")
    assert "refund" not in parts
    assert "退款" in parts
    assert any("RF-302" in part for part in parts)


def test_no_term_crosses_the_end_of_a_sentence_or_a_version() -> None:
    texts = {0: ["Payment fails. Checkout v5.1.0 hangs"] * 4, 1: _RATE}
    keywords = {word.casefold() for word in name_clusters(texts, {})[0].keywords}
    assert not keywords & {"fails checkout", "checkout v5.1.0", "v5.1.0", "v5.1.0 hangs"}
