"""Why batches travel as plain values on a channel of their own: what Faust does to Events on a plain one.

The same four batches wait for the same busy agent while Faust's own group is rebalanced, on either channel.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import faust
import pytest

from agents.feed import BatchChannel

BATCHES = ["1", "2", "3", "4"]


class PlainWay:
    """A plain channel of the app: what is sent on it becomes an Event of Faust's generation."""

    def __init__(self, app: faust.App) -> None:
        self.channel: Any = app.channel()

    async def give(self, batch: str) -> None:
        await self.channel.send(value=batch)


class OwnWay:
    """The wire's channel: what is put on it arrives as it is."""

    def __init__(self, app: faust.App) -> None:
        self.channel: Any = BatchChannel(app)

    async def give(self, batch: str) -> None:
        await self.channel.put(batch)


def new_generation(app: faust.App) -> None:
    """Faust's group has been rebalanced: what carries the old generation is taken for somebody else's."""
    app.consumer_generation_id += 1


def suspended_and_resumed(app: faust.App) -> None:
    """Faust holds its flow still while it is rebalanced; every queue that it manages is cleared when it goes on."""
    app.flow_control.suspend()
    app.flow_control.resume()


async def survivors(
    folder: Path, way: type[PlainWay] | type[OwnWay], happens: Callable[[faust.App], None]
) -> list[str]:
    """The batches that reach an agent which was busy with the first of them when it happened."""
    app = faust.App("way", broker="kafka://127.0.0.1:9", datadir=str(folder), stream_wait_empty=False)
    app.flow_control.resume()
    path = way(app)
    reached: list[str] = []
    busy, free, last = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def reading(batches: AsyncIterator[str]) -> None:
        async for batch in batches:
            if batch == "last":
                last.set()
                continue
            reached.append(batch)
            busy.set()
            await free.wait()

    app.agent(path.channel, name="reading")(reading)
    for agent in app.agents.values():
        await agent.start()
    await given(path.give, BATCHES)
    await asyncio.wait_for(busy.wait(), 15)
    happens(app)
    free.set()
    await given(path.give, ["last"])
    await asyncio.wait_for(last.wait(), 15)
    for agent in app.agents.values():
        await agent.stop()
    return reached


async def given(give: Callable[[str], Awaitable[None]], batches: list[str]) -> None:
    for batch in batches:
        await asyncio.wait_for(give(batch), 15)


@pytest.mark.parametrize(
    "happens", [new_generation, suspended_and_resumed], ids=lambda happens: happens.__name__
)
@pytest.mark.parametrize(
    ("way", "reached"),
    [
        pytest.param(PlainWay, BATCHES[:1], id="as Events on a plain channel, all but the first vanish"),
        pytest.param(OwnWay, BATCHES, id="as values on the wire's channel, none does"),
    ],
)
async def test_batches_that_wait_while_fausts_group_is_rebalanced(
    tmp_path: Path,
    way: type[PlainWay] | type[OwnWay],
    reached: list[str],
    happens: Callable[[faust.App], None],
) -> None:
    assert await survivors(tmp_path, way, happens) == reached
