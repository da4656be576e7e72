"""How a worker ends: one code a cause, so that whoever restarts it knows whether that helps."""

import os
from enum import IntEnum
from typing import NoReturn

from models.errors import BadGeneration, Fatal, PoisonFlood, Transient


class Exit(IntEnum):
    """Exit codes of a worker; those above 2 follow sysexits.h."""

    OK = 0
    FAILED = 1
    USAGE = 2  # bad usage or settings: a restart changes nothing
    POISON = 65  # too many dead letters: a person must look at the topic
    BROKEN = 70  # a defect, or data of ours that is broken
    RESTART = 75  # the broker or a transaction was in an unknown state: a restart heals it


def exit_for(error: BaseException) -> Exit:
    """The code that an error ends the worker with."""
    if isinstance(error, PoisonFlood):
        return Exit.POISON
    if isinstance(error, BadGeneration):
        return Exit.BROKEN
    if isinstance(error, Fatal):
        return Exit.USAGE
    if isinstance(error, Transient):
        return Exit.RESTART
    return Exit.BROKEN


def die(error: BaseException) -> NoReturn:
    """End the process now, with one line that says why.

    Nothing is flushed or awaited: a transaction whose outcome is unknown must not be touched again by this
    process, and the next one's start settles it.
    """
    code = exit_for(error)
    text = str(error) if isinstance(error, Fatal | Transient) else type(error).__name__
    os.write(2, f"sluice: worker ends ({code.name.lower()}, exit {code.value}): {text}\n".encode())
    os._exit(code.value)
