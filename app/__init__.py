"""The composition root: settings, the worker that they build, the command line, the local broker."""
