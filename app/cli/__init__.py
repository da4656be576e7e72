"""The operator's command line: one module a command group, put together here."""

from app.cli.console import main

__all__ = ["main"]
