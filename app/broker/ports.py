"""Ports: free ones on the loopback, from a range that no outgoing connection is given. Before a node starts."""

import random
import socket
from contextlib import closing

from models.errors import Fatal

# Below the ephemeral ranges of Linux (32768 up) and macOS (49152 up): while a killed node is down, a client that
# knocks on its port can neither be given that very port nor, connecting to itself, keep the node from coming back.
_LOWEST, _HIGHEST = 20_000, 32_000
_TRIES = 1_000


def is_free(port: int) -> bool:
    """Whether a server could listen on the loopback's `port` now."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as Java does: TIME_WAIT is no obstacle
        try:
            probe.bind(("127.0.0.1", port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_ports(count: int) -> list[int]:
    """`count` different ports, free at this moment.

    Raises:
        Fatal: the range is as good as full.
    """
    found: set[int] = set()
    for _ in range(_TRIES):
        port = random.randrange(_LOWEST, _HIGHEST)
        if port not in found and is_free(port):
            found.add(port)
        if len(found) == count:
            return sorted(found)
    raise Fatal(f"no {count} free ports between {_LOWEST} and {_HIGHEST} on 127.0.0.1")
