"""Pages: what probes and Prometheus are answered, over HTTP."""

from collections.abc import AsyncIterator
from pathlib import Path

import faust
import pytest_asyncio
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from agents.metrics import Metrics, declare
from agents.pages import add_pages


class Site:
    """The pages of an app whose conditions the test sets."""

    def __init__(self, folder: Path) -> None:
        self.conditions = {"encoder_warm": True, "generation_loaded": False}
        self.registry = CollectorRegistry()
        self.metrics: Metrics = declare(self.registry)
        app = faust.App("pages", broker="kafka://127.0.0.1:9", datadir=str(folder))
        add_pages(app, self.registry, lambda: self.conditions)
        self.client = TestClient(TestServer(app.web.web_app))


@pytest_asyncio.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    made = Site(tmp_path)
    async with made.client:
        yield made


async def test_health_asks_for_nothing_but_a_turning_loop(site: Site) -> None:
    answer = await site.client.get("/healthz")
    assert (answer.status, await answer.json()) == (200, {"status": "ok"})


async def test_not_ready_while_a_condition_is_not_met_and_says_which(site: Site) -> None:
    answer = await site.client.get("/readyz")
    assert answer.status == 503
    assert await answer.json() == {
        "ready": False,
        "conditions": {"encoder_warm": True, "generation_loaded": False},
    }


async def test_ready_once_all_are_met_and_not_when_one_is_lost(site: Site) -> None:
    site.conditions["generation_loaded"] = True
    answer = await site.client.get("/readyz")
    assert answer.status == 200
    assert (await answer.json())["ready"] is True
    site.conditions["encoder_warm"] = False
    assert (await site.client.get("/readyz")).status == 503


async def test_metrics_are_what_prometheus_reads(site: Site) -> None:
    site.metrics.decisions.labels("route", "confident").inc(3)
    answer = await site.client.get("/metrics")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = {family.name: family for family in text_string_to_metric_families(await answer.text())}
    samples = {sample.name: sample for sample in families["sluice_decisions"].samples}
    assert samples["sluice_decisions_total"].value == 3
    assert samples["sluice_decisions_total"].labels == {"outcome": "route", "reason": "confident"}
