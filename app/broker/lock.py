"""A lock on a folder between processes. Under everything in this package that two shells may start at once."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` (made if need be) against every other holder; waits for it, and leaves no lock file.

    The folder itself is what is locked, so the lock dies with its holder whatever kills it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
