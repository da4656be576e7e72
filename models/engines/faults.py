"""How the engines name a file that is at fault."""

from pathlib import Path

from models.errors import Fatal


def fault(file: Path, problem: str) -> Fatal:
    """The error to raise; the file goes by the last two parts of its path, without the machine's own folders."""
    return Fatal(f"encoder: {'/'.join(file.parts[-2:])} {problem}")
