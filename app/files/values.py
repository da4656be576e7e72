"""Values of a row as a ticket event wants them: texts, whole numbers, instants, kinds of event. Part of mapping."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from schemas.ticket import TicketEventKind

# Seconds and milliseconds of the years 2000 to 2099, all that the contract allows, do not overlap.
_EPOCH_S = (946_684_800, 4_102_444_800)
_EPOCH_MS = (_EPOCH_S[0] * 1000, _EPOCH_S[1] * 1000)
_WHOLE = re.compile(r"\s*[0-9]{1,16}\s*")
_NUMBER = re.compile(r"[0-9]{9,13}(\.[0-9]+)?")
_A_TIME = "allowed are ISO 8601 and epoch seconds or milliseconds; say --time-format for anything else"

SOLVED_WORDS = frozenset({"solved", "resolved", "done", "fixed", "completed", "complete"}) | frozenset(
    {"已解决", "已处理", "已完成"}
)
CLOSED_WORDS = frozenset(
    {"closed", "cancelled", "canceled", "rejected", "duplicate", "wontfix", "won't fix"}
) | (frozenset({"已关闭", "关闭", "已取消"}))


class Misfit(Exception):
    """A value that its field cannot hold.

    Args:
        allowed: what the field can hold; never a quotation of the value.
    """

    def __init__(self, allowed: str) -> None:
        super().__init__(allowed)
        self.allowed = allowed


def is_empty(value: object) -> bool:
    """Nothing stands in the cell: no value, null, or nothing but space."""
    return value is None or (isinstance(value, str) and not value.strip())


def word(value: object) -> object:
    """A short text without space around it; a number as it is written. Anything else is left for the contract."""
    if isinstance(value, bool):
        return value
    if isinstance(value, float):  # a long number has lost digits by now, a short one is written as it was
        return repr(value) if math.isfinite(value) and abs(value) < 1e15 else value
    return str(value).strip() if isinstance(value, str | int) else value


def text(value: object) -> object:
    """A text as it stands; a number as it is written."""
    return value if isinstance(value, str) else word(value)


def identifier(value: object) -> object:
    """A name that a machine chose; a whole number is one, a fraction is not."""
    if isinstance(value, float):
        raise Misfit("allowed are text and whole numbers")
    return word(value)


def whole(value: object) -> object:
    """A whole number, also one written as text."""
    return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value) else value


def attachments(value: object) -> object:
    """Texts read out of attached files: one, a list of them, or the contract's own objects."""
    if isinstance(value, str):
        return [{"ocr_text": value}]
    if isinstance(value, list):
        return [{"ocr_text": item} if isinstance(item, str) else item for item in value]
    return value


def steps(value: object) -> object:
    """One text, or a list of them."""
    return [text(item) for item in value] if isinstance(value, list) else text(value)


def kind(value: object) -> object:
    """A kind of event, in whatever case."""
    return value.strip().lower() if isinstance(value, str) else value


def kind_told_by(values: Mapping[str, object]) -> TicketEventKind:
    """The kind of event of a row that does not say it: by its status, else by whether it has a resolution.

    A status that means solved makes it `resolved`, one that means closed `closed`, any other `created`. Without
    a status a row with a resolution is `resolved`, and one without is `created`.
    """
    status = values.get("status")
    if not is_empty(status):
        said = str(status).strip().lower()
        if said in SOLVED_WORDS:
            return TicketEventKind.RESOLVED
        return TicketEventKind.CLOSED if said in CLOSED_WORDS else TicketEventKind.CREATED
    return TicketEventKind.CREATED if is_empty(values.get("resolution")) else TicketEventKind.RESOLVED


def instant(value: object, form: str | None, zone: str | None) -> datetime:
    """A time in UTC.

    Args:
        value: text in `form`; else ISO 8601, also with a space for the T, or epoch seconds or milliseconds, as
            text or number (of the years 2000 to 2099 the two cannot be mistaken for each other).
        form: as `datetime.strptime` reads it.
        zone: IANA name of the zone that times without an offset are in; of an hour that the zone has twice, the
            first is taken.

    Raises:
        Misfit: it is no time, or has no offset while `zone` is not given.
    """
    if isinstance(value, str) and form is not None:
        return _in_utc(_by_form(value.strip(), form), zone)
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        value = float(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _by_epoch(value)
    if isinstance(value, str):
        return _in_utc(_by_iso(value.strip()), zone)
    raise Misfit(_A_TIME)


def _by_form(value: str, form: str) -> datetime:
    try:
        return datetime.strptime(value, form)  # noqa: DTZ007  (the zone is seen to by the caller)
    except ValueError:
        raise Misfit(f"allowed is what --time-format {form} describes") from None


def _by_epoch(value: float) -> datetime:
    if _EPOCH_MS[0] <= value < _EPOCH_MS[1]:
        return datetime.fromtimestamp(value / 1000, UTC)
    if _EPOCH_S[0] <= value < _EPOCH_S[1]:
        return datetime.fromtimestamp(value, UTC)
    raise Misfit("allowed are epoch seconds or milliseconds of the years 2000 to 2099")


_NAMED_UTC = re.compile(r"\s*(UTC|GMT)$")
_SPACED_OFFSET = re.compile(r"\s+(?=[+-][0-9]{2}:?[0-9]{2}$)")


def _by_iso(value: str) -> datetime:
    try:
        return datetime.fromisoformat(_SPACED_OFFSET.sub("", _NAMED_UTC.sub("+00:00", value)))
    except ValueError:
        raise Misfit(_A_TIME) from None


def _in_utc(moment: datetime, zone: str | None) -> datetime:
    if moment.tzinfo is None:
        if zone is None:
            raise Misfit("the time has no offset; say --timezone, e.g. --timezone Europe/Berlin")
        moment = moment.replace(tzinfo=ZoneInfo(zone))
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise Misfit(_A_TIME) from None
