"""A local Apache Kafka for development, the demo and the tests: real servers, started from jars, without Docker."""

from app.broker.cluster import LocalCluster
from app.broker.folder import running_bootstrap
from app.broker.jars import ensure_jars

__all__ = ["LocalCluster", "ensure_jars", "running_bootstrap"]
