"""A ticket as it came in, and what may leave."""

from dataclasses import fields, replace

import pytest

from models.errors import Invalid
from models.routing.clean import CleanPolicy, CleanTicket, Ticket, clean
from models.routing.masking.span import Kind

TICKET = Ticket(
    ticket_id="T-1",
    version="7",
    event="created",
    created_at_ms=1_715_500_000_000,
    updated_at_ms=1_715_500_060_000,
    title="登录失败",
    description="点击登录后提示网络异常，请回电13812345678",
)
POLICY = CleanPolicy()


def test_joins_what_helps_the_meaning_in_order() -> None:
    ticket = replace(
        TICKET,
        title="Crash on start!",
        description="The app closes at once",
        ocr_texts=("Error 0x80070005",),
        device="iPhone 14 Pro",
        os="iOS 17.5",
        app_version="8.0.49.2",
        product="Wallet",
        steps=("open the app", "wait"),
    )
    assert clean(ticket, POLICY).text == (
        "Crash on start! The app closes at once. Error 0x80070005. iPhone 14 Pro. iOS 17.5. v8.0.49.2. Wallet."
        " open the app. wait"
    )


@pytest.mark.parametrize(
    ("title", "description", "text"),
    [
        ("Cannot log in", "Cannot log in", "Cannot log in"),
        ("Cannot log in.", "cannot LOG in since Monday", "cannot LOG in since Monday"),
        ("Cannot log in", "Since Monday", "Cannot log in. Since Monday"),
        ("", "Since Monday", "Since Monday"),
        ("Cannot log in", "", "Cannot log in"),
        ("为什么？", "打不开", "为什么？ 打不开"),
    ],
)
def test_title_stands_once(title: str, description: str, text: str) -> None:
    assert clean(replace(TICKET, title=title, description=description), POLICY).text == text


def test_every_free_text_is_masked() -> None:
    secret = "13812345678"
    ticket = replace(
        TICKET,
        title=f"call {secret}",
        description=f"it broke, {secret}",
        ocr_texts=(f"电话{secret}",),
        device=f"phone of {secret}",
        os=f"os {secret}",
        app_version=f"v 1 {secret}",
        steps=(f"dial {secret}",),
        product=f"line {secret}",
        assigned_agent=f"jane {secret}",
        resolution=f"called {secret} and jane@example.com back",
    )
    cleaned = clean(ticket, POLICY)
    assert all(secret not in str(getattr(cleaned, field.name)) for field in fields(CleanTicket))
    assert cleaned.resolution == "called [PHONE] and [EMAIL] back"
    assert dict(cleaned.masked) == {Kind.PHONE: 9, Kind.EMAIL: 1}


def test_label_in_the_title_speaks_for_the_description() -> None:
    assert (
        clean(replace(TICKET, title="我的电话", description="87654321"), POLICY).text == "我的电话. [PHONE]"
    )


def test_passes_on_what_machines_named() -> None:
    ticket = replace(
        TICKET, customer_id="C-1", channel="web", language="zh", priority="P1", assigned_team="支付组"
    )
    cleaned = clean(replace(ticket, kb_article_id="KB-00123456"), POLICY)
    passed = ("ticket_id", "version", "event", "created_at_ms", "updated_at_ms")
    assert all(getattr(cleaned, name) == getattr(TICKET, name) for name in passed)
    assert (cleaned.customer_id, cleaned.channel, cleaned.language) == ("C-1", "web", "zh")
    assert (cleaned.priority, cleaned.assigned_team, cleaned.kb_article_id) == ("P1", "支付组", "KB-00123456")
    assert (cleaned.product, cleaned.assigned_agent, cleaned.resolution) == (None, None, None)


NOTHING = {
    "nothing": "",
    "white space": " \n\t\u3000",
    "control and format characters": "\x01\u200b\ufeff\u202e",
    "punctuation": "?!…。——【】",
    "only masked": "13812345678 a@b.cn",
    "only tokens": "[PHONE] [EMAIL].",
    "only tags": "<p><br/></p>&nbsp;",
    "fillers": "\u3164\u2800",
}


@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING.keys())
def test_refuses_a_ticket_that_says_nothing(text: str) -> None:
    ticket = replace(TICKET, title="", description=text, device="iPhone 14 Pro", product="Wallet")
    with pytest.raises(Invalid) as caught:
        clean(ticket, POLICY)
    assert (caught.value.reason, caught.value.field) == ("empty_text", "description")


@pytest.mark.parametrize("event", ["updated", "resolved", "closed", "deleted"])
@pytest.mark.parametrize("text", NOTHING.values(), ids=NOTHING.keys())
def test_an_event_that_changes_only_the_state_needs_no_text(event: str, text: str) -> None:
    ticket = replace(TICKET, event=event, title="", description=text, device="iPhone", resolution="restarted")
    cleaned = clean(ticket, POLICY)
    assert (cleaned.text, cleaned.resolution) == ("", "restarted")


@pytest.mark.parametrize(
    "said",
    [
        {"title": "登录失败"},
        {"description": "404"},
        {"description": "😡"},
        {"ocr_texts": ("", "Error")},
        {"steps": ("open",)},
        {"title": "[PHONE] [ID]", "description": "电话 13812345678"},
    ],
    ids=str,
)
def test_any_word_that_people_wrote_is_enough(said: dict[str, str | tuple[str, ...]]) -> None:
    ticket = Ticket("T-1", "1", "created", 0, 0)
    assert clean(replace(ticket, **said), POLICY).text  # type: ignore[arg-type]


@pytest.mark.parametrize("bad", ["\0", "\ud800", "ok \udfff"], ids=ascii)
@pytest.mark.parametrize("field", [f.name for f in fields(Ticket) if not f.name.endswith("_ms")])
def test_refuses_bad_unicode_in_any_field(field: str, bad: str) -> None:
    value = (bad,) if field in {"ocr_texts", "steps"} else bad
    with pytest.raises(Invalid) as caught:
        clean(replace(TICKET, **{field: value}), POLICY)  # type: ignore[arg-type]
    assert (caught.value.reason, caught.value.field) == ("bad_unicode", field)
    assert bad not in str(caught.value)


CUTS = {
    "at a blank": ("word " * 10, 22, "word word word word"),
    "inside Chinese": ("登录失败" * 10, 10, "登录失败登录失败登录"),
    "never through a token": ("问题a@b.cn" * 5, 12, "问题[EMAIL]问题"),
    "what the cut makes a phone is masked": ("please do call 7654321-x9 now", 24, "please do call"),
}


@pytest.mark.parametrize(("text", "max_chars", "expected"), CUTS.values(), ids=CUTS.keys())
def test_cuts(text: str, max_chars: int, expected: str) -> None:
    ticket = replace(TICKET, title="", description=text, resolution=text)
    cleaned = clean(ticket, CleanPolicy(max_chars=max_chars))
    assert (cleaned.text, cleaned.resolution) == (expected, expected)


@pytest.mark.parametrize("offset", range(24))
def test_a_number_at_the_edge_of_what_is_read_does_not_show_its_half(offset: int) -> None:
    addresses = "jane.doe@mail.example.com, " * 100  # masked, they are shorter than the limit
    text = "ok " + addresses + "x" * offset + " 138 1234 5678 " + "and so on " * 100
    cleaned = clean(replace(TICKET, title="", description=text), CleanPolicy(max_chars=1_300))
    assert cleaned.text.startswith("ok [EMAIL], [EMAIL]")
    assert not any(char.isdigit() for char in cleaned.text)


def test_masks_only_what_the_policy_names() -> None:
    cleaned = clean(TICKET, CleanPolicy(mask=frozenset({Kind.EMAIL})))
    assert "13812345678" in cleaned.text
    assert dict(cleaned.masked) == {}
