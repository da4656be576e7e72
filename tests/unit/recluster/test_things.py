"""Things: what a text names, by family and model."""

import pytest

from models.recluster.things import Sort, things_of

_THINGS = things_of(["Nimbo Watch", "Nimbo", "X", "other", "(Pro) 云"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("iOS 17.5更新后", [("ios", "ios17.5", "iOS 17.5")], id="a system with its version"),
        pytest.param("在IOS端支付", [("ios", "ios", "IOS")], id="between Chinese, in any case"),
        pytest.param("my iPhone 14 Pro broke", [("iphone", "iphone14pro", "iPhone 14 Pro")], id="a model"),
        pytest.param(
            "华为 Mate 60, nova", [("huawei", "huaweimate60", "华为 Mate 60")], id="a Chinese brand"
        ),
        pytest.param(
            "用微信和 WeChat",
            [("wechat", "wechat", "微信"), ("wechat", "wechat", "WeChat")],
            id="one app, two names",
        ),
        pytest.param("企业微信打不开", [("wecom", "wecom", "企业微信")], id="the longest name"),
        pytest.param(
            "Nimbo Watch 2 Lite and Nimbo",
            [("nimbo watch", "nimbo watch2lite", "Nimbo Watch 2 Lite"), ("nimbo", "nimbo", "Nimbo")],
            id="own products",
        ),
        pytest.param("(Pro) 云 is slow", [("(pro) 云", "(pro) 云", "(Pro) 云")], id="a product of signs"),
        pytest.param(
            "Edge 120 is open", [("edge", "edge120", "Edge 120")], id="a word beside, as it is written"
        ),
        pytest.param("on the edge of it, the safari park", [], id="a word beside"),
        pytest.param("axios fails, Kiosk, iOSx", [], id="part of a word"),
        pytest.param("X marks other places", [], id="products that tell nothing"),
        pytest.param("iOS 12345678", [("ios", "ios", "iOS")], id="a long number is no version"),
        pytest.param("", [], id="nothing"),
    ],
)
def test_what_a_text_names(text: str, expected: list[tuple[str, str, str]]) -> None:
    found = [(thing.family, thing.model, thing.spelling[1]) for thing in _THINGS.find(text)]
    assert found == expected


def test_a_companys_product_is_its_product_though_it_is_listed() -> None:
    (thing,) = things_of(["WeChat"]).find("WeChat is down")
    assert thing.sort is Sort.PRODUCT
    (thing,) = things_of().find("WeChat is down")
    assert thing.sort is Sort.APP
