"""The tree of errors, whole. Which branch an error hangs on says what its catcher does.

SluiceError
├── Invalid     this record can never succeed: dead letter, go on
├── Transient   it may succeed later: retry until a deadline
└── Fatal       nothing here can heal it: stop the process with one clear line
    ├── BadGeneration    a generation that is broken or made for another encoder
    └── PoisonFlood      too many dead letters: the topic is wrong, not its records
"""


class SluiceError(Exception):
    """The root: everything that Sluice raises on purpose."""


class Invalid(SluiceError):
    """A record that can never be processed as it stands.

    Args:
        reason: a member of the closed set `schemas.dead_letter.DeadReason`, by value.
        field: the field at fault, dotted, or None where the whole record is.
        detail: what is allowed; never a quotation of the record.
    """

    def __init__(self, reason: str, field: str | None, detail: str) -> None:
        super().__init__(f"{reason}: {field or 'record'}: {detail}")
        self.reason, self.field, self.detail = reason, field, detail


class Transient(SluiceError):
    """A failure that time may heal: a broker away, a lock held."""


class Fatal(SluiceError):
    """A failure that only a person or a restart can heal."""


class BadGeneration(Fatal):
    """A generation that is broken, incomplete, or made for another encoder."""


class PoisonFlood(Fatal):
    """Dead letters beyond the limits: the worker stops instead of draining the topic into `tickets.dead`."""
