"""Records that look odd and are ticket events all the same; all of the ticket T-1, created at one instant."""

import json

from tests.fakes.malformed import ticket

ODD: dict[str, bytes] = {
    "no schema_version": json.dumps(ticket()).replace('"schema_version": 1, ', "").encode(),
    "white space around": b" \r\n\t" + json.dumps(ticket()).encode() + b"\n",
    "indented": json.dumps(ticket(attachments=[{"ocr_text": "a"}]), indent=2).encode(),
    "space before colons": json.dumps(ticket(attachments=[{}, {}]), separators=(" ,", " : ")).encode(),
    "text that looks like keys": json.dumps(ticket(title='":":":', description='say "a": b', os=":)")).encode(),
    "escaped backslash before u0000": json.dumps(ticket(title="\\u0000")).encode(),
    "surrogate pair escaped": json.dumps(ticket(title="\U0001f600")).encode(),
    "brackets in text": json.dumps(ticket(title="[{" * 500)).encode(),
    "as deep as allowed": json.dumps(ticket(custom=json.loads("[" * 15 + "]" * 15))).encode(),
    "more brackets than levels": json.dumps(ticket(attachments=[{}] * 50, custom=[[]] * 500)).encode(),
    "nulls for what is absent": json.dumps(
        ticket(title=None, description=None, steps=None, attachments=None, os=None, version=None)
    ).encode(),
    "epoch milliseconds": json.dumps(ticket(created_at=1_772_443_800_000)).encode(),
    "epoch milliseconds with a fraction": json.dumps(ticket(created_at=1_772_443_800_000.0)).encode(),
    "small letters in a time": json.dumps(ticket(created_at="2026-03-02t09:30:00z")).encode(),
    "another offset": json.dumps(ticket(created_at="2026-03-02T17:30:00.000000000+08:00")).encode(),
    "one key in several objects": json.dumps(ticket(attachments=[{"a": 1}, {"a": 1}], custom={"a": 1})).encode(),
    "unknown names of our own": json.dumps(ticket(model_dump=1, __dict__={"a": 1}, self=2)).encode(),
}  # fmt: skip
