"""Pages: health, readiness and metrics on Faust's own web server."""

from collections.abc import Callable, Mapping
from typing import Any

import faust
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

Conditions = Callable[[], Mapping[str, bool]]


def add_pages(app: faust.App, registry: CollectorRegistry, conditions: Conditions) -> None:
    """Put the pages on the app.

    Args:
        conditions: name -> met; the worker is ready when all are. Called in the event loop, must not block.
    """

    @app.page("/healthz", name="healthz")
    async def healthz(view: Any, request: Any) -> Any:
        """200 while the event loop turns: a liveness probe."""
        return view.json({"status": "ok"})

    @app.page("/readyz", name="readyz")
    async def readyz(view: Any, request: Any) -> Any:
        """200 once every condition is met, else 503, with each condition by name."""
        met = dict(conditions())
        return view.json(
            {"ready": all(met.values()), "conditions": met}, status=200 if all(met.values()) else 503
        )

    @app.page("/metrics", name="metrics")
    async def metrics(view: Any, request: Any) -> Any:
        """Prometheus text format."""
        return view.bytes(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})
