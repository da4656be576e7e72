"""Feed: the wire's thread and the Faust channel that its batches arrive on. Between the wire and an agent."""

import asyncio
import threading
import traceback
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import faust
import structlog
from confluent_kafka import KafkaException
from mode.utils.queues import FlowControlEvent, ThrowableQueue

from agents.pulse import Pulse, watch
from agents.wire import Batch, Wire
from models.errors import Fatal, Transient

_log = structlog.get_logger(__name__)

Deliver = Callable[[Batch], None]


class BatchChannel(faust.Channel):
    """A channel whose queue no rebalance of Faust's own group pauses or clears: the wire owns flow and group.

    Batches travel as plain values. A stream drops Events of an older generation of Faust's group in silence,
    and the app's flow control clears queues when it resumes; both would lose batches here.
    """

    @property
    def queue(self) -> ThrowableQueue:
        if self._queue is None:
            flow = FlowControlEvent(initially_suspended=False)
            self._queue: Any = ThrowableQueue(maxsize=0, flow_control=flow)
        return self._queue


def add_agent(app: faust.App, channel: BatchChannel, name: str, work: Callable[[Batch], None]) -> None:
    """Put an agent on the app that has each batch of the channel worked on, one after the other.

    Args:
        work: what is done with a batch, in a thread of the agent's own; what it raises goes to the wire.
    """
    off_loop = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)

    @app.agent(channel, name=name)
    async def worked(batches: AsyncIterator[Batch]) -> None:
        loop = asyncio.get_running_loop()
        async for batch in batches:
            async with batch:
                await loop.run_in_executor(off_loop, work, batch)


class Feed:
    """Runs a wire in its own thread and hands its batches to a channel.

    Args:
        build: makes the wire, given where to deliver; called in the thread, so that clients live there.
        channel: where batches go.
        die: ends the process on what cannot be healed here; does not return.
        pulse: the wire's; older than `still_s` seconds it ends the process.
    """

    def __init__(
        self,
        build: Callable[[Deliver], Wire],
        channel: BatchChannel,
        die: Callable[[BaseException], Any],
        pulse: Pulse,
        still_s: float,
    ) -> None:
        self._build, self._channel, self._die = build, channel, die
        self._pulse, self._still_s = pulse, still_s
        self._stopping, self._wanted = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._drain_s = 0.0

    def prepare(self) -> None:
        """Start the thread, which fences the dead twin and waits: the worker may load its models meanwhile."""
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)
        self._thread.start()

    def start(self) -> None:
        """Take part; call it from the event loop that the agent runs in."""
        self._loop = asyncio.get_running_loop()
        self._pulse.beat()
        if self._thread is None:
            self.prepare()
        self._wanted.set()
        watch(self._pulse, self._still_s, self._stopping, self._die)

    async def stop(self, drain_s: float) -> None:
        """Take nothing more, commit what is worked within `drain_s` seconds, leave the group."""
        self._drain_s = drain_s
        self._stopping.set()
        self._wanted.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, drain_s + 5)

    def _deliver(self, batch: Batch) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(self._channel.put(batch), self._loop)

    def _run(self) -> None:
        try:
            wire = self._build(self._deliver)
            wire.fence()
            self._wanted.wait()
            if not self._stopping.is_set():
                wire.open()
            while not self._stopping.is_set():
                wire.step()
            wire.drain(self._drain_s)
            wire.close()
        except KafkaException as error:
            self._die(Transient(f"kafka: {error.args[0].name()}: {error.args[0].str()}"))
        except (Fatal, Transient) as error:
            self._die(error)
        except BaseException as error:
            _log.error(
                "wire_broke", error=type(error).__name__, where=traceback.format_tb(error.__traceback__)[-1]
            )
            self._die(error)
