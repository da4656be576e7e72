"""Process: the Faust worker as a process, and which signals it listens to."""

import logging
import signal

import faust


class Process(faust.Worker):
    """A worker that is told to stop by SIGTERM and SIGINT, and listens to nothing else.

    Faust's own would answer SIGUSR1 by writing every task with the values of its variables to standard error, ticket
    texts among them, and SIGUSR2 by waiting in a debugger that nobody sits at. What these two do is left as it is
    here; `app/cli/run.py` ignores them from the first moment on. SIGHUP ends a process that has no handler for it,
    here as with Faust.
    """

    def install_signal_handlers(self) -> None:
        self.loop.add_signal_handler(signal.SIGINT, self._on_sigint)
        self.loop.add_signal_handler(signal.SIGTERM, self._on_sigterm)


def process_of(app: faust.App) -> Process:
    """The process of this app; logging and standard output stay as they are."""
    made = Process(app, loglevel=logging.WARNING, override_logging=False, quiet=True, redirect_stdouts=False)
    made.spinner = None  # it would show the cursor on standard output once all has started, however quiet
    return made
