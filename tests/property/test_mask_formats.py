"""Chinese and international formats: a generated number is masked in every writing, an invalid one stays."""

import datetime as dt
from collections.abc import Callable

from hypothesis import assume, given
from hypothesis import strategies as st
from stdnum import luhn
from stdnum.iso7064 import mod_11_2, mod_97_10

from models.routing.mask import mask

Width = Callable[[str], str]
DIGITS = "0123456789"
FULL_WIDTH = str.maketrans(
    {**{chr(n): chr(n + 0xFEE0) for n in (*range(0x30, 0x3A), *range(0x41, 0x5B))}, "-": "－", "+": "＋"}
)

AROUND = st.sampled_from(
    [("", ""), ("请回", "谢谢"), ("客户说：", "，请处理"), ("(", ")"), ("see ", " please"), ("“", "”。")]
)
WIDTH = st.sampled_from([str, lambda text: text.translate(FULL_WIDTH)])
GAP = st.sampled_from(["", " ", "-"])


def digits(count: int) -> st.SearchStrategy[str]:
    return st.text(DIGITS, min_size=count, max_size=count)


def grouped(number: str, sizes: tuple[int, ...], gap: str) -> str:
    parts, at = [], 0
    for size in sizes:
        parts.append(number[at : at + size])
        at += size
    return gap.join([*parts, number[at:]]) if number[at:] else gap.join(parts)


@st.composite
def mobiles(draw: st.DrawFn) -> str:
    number = "1" + draw(st.sampled_from("3456789")) + draw(digits(9))
    country = draw(st.sampled_from(["", "+86", "+86 ", "86", "86-", "0086 "]))
    return country + grouped(number, draw(st.sampled_from([(11,), (3, 4, 4), (3, 8), (7, 4)])), draw(GAP))


@st.composite
def landlines(draw: st.DrawFn) -> str:
    area = draw(st.sampled_from(["010", "021", "0571", "0755", "0898"]))
    number = draw(st.sampled_from("2345678")) + draw(digits(7 if len(area) == 3 else 6))
    extension = draw(st.sampled_from(["", "-8", "-801", "转801", " ext. 12"]))
    return draw(st.sampled_from([f"{area}-{number}", f"({area}){number}", f"{area} {number}"])) + extension


@st.composite
def residents(draw: st.DrawFn) -> str:
    area = draw(st.sampled_from(["110105", "440524", "310101", "230103"]))
    born = draw(st.dates(min_value=dt.date(1920, 1, 1), max_value=dt.date(2020, 12, 31))).strftime("%Y%m%d")
    body = area + born + draw(digits(3))
    return body + str(mod_11_2.calc_check_digit(body))


@st.composite
def cards(draw: st.DrawFn) -> str:
    issuer, size = draw(
        st.sampled_from([("4", 16), ("4", 13), ("51", 16), ("37", 15), ("62", 16), ("62", 19), ("35", 16)])
    )
    body = issuer + draw(digits(size - len(issuer) - 1))
    return body + str(luhn.calc_check_digit(body))


def assert_masked(number: str, around: tuple[str, str], kind: str) -> None:
    before, behind = around
    assert mask(before + number + behind).text == f"{before}[{kind}]{behind}"


LETTERS = st.sampled_from("ABCDEFGHJKLMNPQRSTUVWXYZ")
NEW_ENERGY = st.sampled_from("DF")


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map("".join)


def plates() -> st.SearchStrategy[str]:
    """GA 36: five characters behind province and office, or six for new energy, at most two of them letters."""
    return joined(
        st.sampled_from("京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"),
        LETTERS,
        st.sampled_from(["", "·", " ", "-"]),
        st.one_of(
            digits(5),
            joined(LETTERS, digits(4)),
            joined(digits(2), LETTERS, digits(2)),
            joined(NEW_ENERGY, digits(5)),
            joined(NEW_ENERGY, LETTERS, digits(4)),
            joined(digits(5), NEW_ENERGY),
            joined(digits(4), st.sampled_from("学警挂")),
        ),
    )


def passports() -> st.SearchStrategy[str]:
    return st.one_of(joined(st.sampled_from("EG"), digits(8)), joined(st.just("E"), LETTERS, digits(7)))


@st.composite
def wechats(draw: st.DrawFn) -> str:
    """A letter and 5 to 19 letters, digits, `_` or `-`; one that is only letters looks like a word."""
    first = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    rest = draw(st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=5, max_size=17))
    return first + rest + draw(st.sampled_from(DIGITS))


@given(mobiles(), AROUND, WIDTH)
def test_mobiles(number: str, around: tuple[str, str], width: Width) -> None:
    assert_masked(width(number), around, "PHONE")


@given(
    mobiles(),
    st.sampled_from(["", "Nimbo", "iPhone14", "V", "a1b2"]),
    st.sampled_from(["电话", "联系方式：", "phone: "]),
)
def test_mobiles_that_are_called_one_and_written_on_to_letters(number: str, behind: str, label: str) -> None:
    assert mask(label + number + behind).text == f"{label}[PHONE]{behind}"


@given(
    mobiles(),
    st.sampled_from(["version", "release", "the same time", "that order", "last update"]),
    st.sampled_from([". My number is ", ". Mine: ", " my number is ", ". "]),
)
def test_a_sentence_before_calls_a_mobile_nothing(number: str, end: str, link: str) -> None:
    assert mask(end + link + number).text == f"{end}{link}[PHONE]"


@given(st.sampled_from(["10", "11", "12", "20", "90"]), digits(9), AROUND)
def test_eleven_digits_that_no_mobile_has_stay(start: str, rest: str, around: tuple[str, str]) -> None:
    before, behind = around
    assume(not luhn.is_valid(start + rest))
    text = f"{before}数据{start}{rest}{behind}"
    assert mask(text).text == text


@given(landlines(), AROUND, WIDTH)
def test_landlines(number: str, around: tuple[str, str], width: Width) -> None:
    assert_masked(width(number), around, "PHONE")


@given(
    st.sampled_from(["400", "800"]),
    digits(7),
    st.sampled_from([(3, 4), (4, 3), (3, 3)]),
    st.sampled_from(["-", " "]),
    AROUND,
    WIDTH,
)
def test_hotlines_that_are_called_one(
    start: str, rest: str, sizes: tuple[int, ...], gap: str, around: tuple[str, str], width: Width
) -> None:
    before, behind = around
    number = start + gap + grouped(rest, sizes, gap)
    assert mask(f"{before}客服电话{width(number)}{behind}").text == f"{before}客服电话[PHONE]{behind}"


@given(
    st.sampled_from(["010", "021", "0571", "0755"]),
    st.sampled_from("2345678"),
    digits(7),
    st.sampled_from(["", "-", " "]),
    st.sampled_from([(8,), (4, 4)]),
    AROUND,
    WIDTH,
)
def test_landlines_in_groups(
    area: str, first: str, rest: str, gap: str, sizes: tuple[int, ...], around: tuple[str, str], width: Width
) -> None:
    assert_masked(width(area + gap + grouped(first + rest, sizes, gap)), around, "PHONE")


@given(residents(), st.sampled_from([(18,), (6, 8, 4), (6, 4, 4, 4)]), GAP, AROUND, WIDTH)
def test_resident_numbers(
    number: str, sizes: tuple[int, ...], gap: str, around: tuple[str, str], width: Width
) -> None:
    assert_masked(width(grouped(number, sizes, gap)), around, "ID")


@given(residents(), st.integers(1, 10))
def test_resident_number_with_a_wrong_check_stays_unless_it_is_called_one(number: str, shift: int) -> None:
    checks = "0123456789X"
    wrong = number[:-1] + checks[(checks.index(number[-1]) + shift) % 11]
    assert mask(f"数据{wrong}。").text == f"数据{wrong}。"
    assert mask(f"身份证号：{wrong}。").text == "身份证号：[ID]。"


@given(cards(), st.sampled_from([(4, 4, 4), (4, 6)]), GAP, AROUND, WIDTH)
def test_cards(number: str, sizes: tuple[int, ...], gap: str, around: tuple[str, str], width: Width) -> None:
    assert_masked(width(grouped(number, sizes, gap)), around, "CARD")


@given(cards(), st.integers(1, 9))
def test_card_with_a_wrong_check_stays_unless_it_is_called_one(number: str, shift: int) -> None:
    wrong = number[:-1] + str((int(number[-1]) + shift) % 10)
    assert mask(f"数据{wrong}。").text == f"数据{wrong}。"
    assert mask(f"卡号{wrong}。").text == "卡号[CARD]。"


@given(
    digits(16), st.sampled_from(["账号", "帐号：", "收款账号是", "银行账户: ", "account no. "]), GAP, WIDTH
)
def test_bank_accounts_that_are_called_one(number: str, label: str, gap: str, width: Width) -> None:
    masked = mask(f"{label}{width(grouped(number, (4, 4, 4), gap))}，请查").text
    assert masked in {f"{label}[ACCOUNT]，请查", f"{label}[CARD]，请查", f"{label}[PHONE]，请查"}


@given(plates(), st.sampled_from([("车牌", "违停"), ("", "在门口"), ("车牌号：", "。"), ("(", ")")]))
def test_plates(number: str, around: tuple[str, str]) -> None:
    assert_masked(number, around, "PLATE")


@given(
    st.sampled_from(["京", "沪", "粤"]), st.sampled_from("IO1"), digits(5), st.sampled_from(["", "号", "型"])
)
def test_no_plate_has_such_a_letter(province: str, office: str, number: str, behind: str) -> None:
    text = f"编码{province}{office}{number}{behind}"
    assert mask(text).text == text


@given(passports(), AROUND, WIDTH)
def test_passports(number: str, around: tuple[str, str], width: Width) -> None:
    assert_masked(number, ("护照" + around[0], around[1]), "PASSPORT")
    assert_masked(width(number), ("持" if not around[0] else around[0], around[1]), "PASSPORT")


@given(st.sampled_from("ABCDFHXZ"), digits(8), st.sampled_from(["报错", "型号", "代码："]))
def test_codes_of_a_letter_and_eight_digits_stay(letter: str, number: str, label: str) -> None:
    text = f"{label}{letter}{number} 无法识别"
    assert mask(text).text == text


@given(
    wechats(),
    st.sampled_from(["微信号", "微信号：", "微信:", "微信：", "wx: ", "WeChat ID: ", "加微信 ", "vx："]),
    st.sampled_from(["，谢谢", "。", " 请加", ""]),
)
def test_wechats(name: str, label: str, behind: str) -> None:
    assume(":" in label or "：" in label or "号" in label or sum(map(str.isdigit, name)) >= 3)
    assert mask(label + name + behind).text == f"{label}[WECHAT]{behind}"


@given(digits(18), st.booleans())
def test_ibans(account: str, spaced: bool) -> None:
    number = "DE" + str(mod_97_10.calc_check_digits(account + "DE")) + account
    written = " ".join(number[at : at + 4] for at in range(0, 22, 4)) if spaced else number
    masked = mask(f"转到 {written}，谢谢").text
    assert masked == "转到 [IBAN]，谢谢"


@given(
    st.sampled_from(["订单号", "运单号：", "order no. ", "tracking number: ", "错误码", "序列号："]),
    digits(11),
    digits(8),
)
def test_what_is_called_something_else_stays(label: str, number: str, more: str) -> None:
    assert mask(f"{label}{number}{more} 异常").text == f"{label}{number}{more} 异常"
    assert mask(f"{label}{number} 异常").text == f"{label}{number} 异常"


@given(
    st.sampled_from(["订单号", "运单号：", "order no. ", "交易号 ", "错误代码：", "序列号", "流水号："]),
    st.one_of(mobiles().filter(lambda number: "+" not in number), residents(), cards()),
)
def test_what_is_called_something_else_stays_however_right_it_looks(label: str, number: str) -> None:
    assert mask(f"{label}{number} 异常").text == f"{label}{number} 异常"


@given(
    st.sampled_from(["港澳通行证号码：", "台胞证", "回乡证号 "]), st.sampled_from(["C", "H", ""]), digits(8)
)
def test_travel_permits_that_are_called_one(label: str, letter: str, number: str) -> None:
    assert mask(f"{label}{letter}{number}，过期了").text == f"{label}[PASSPORT]，过期了"


@given(
    st.lists(st.one_of(mobiles(), residents(), cards()), min_size=1, max_size=5),
    st.sampled_from(["，", " / ", "；", "和"]),
)
def test_no_piece_survives_in_a_list(numbers: list[str], separator: str) -> None:
    masked = mask("登记：" + separator.join(numbers)).text
    assert not any(char.isdigit() for char in masked)
