"""The operator's command line: one module a command group, put together in `command`."""

from app.cli.command import main

__all__ = ["main"]
