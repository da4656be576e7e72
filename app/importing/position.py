"""Position: what names an import, and the note of how far it came. Beside the writer.

An import is named by what it depends on: the file's bytes, the mapping, and the topic's own id (a topic that was
removed and made again has another). Change one of them, and it is another import that begins at the first row.

How far it came stands in Kafka, written in the same transaction as the tickets (`writer`). Kafka forgets the
offsets of a group after a while without a commit (`offsets.retention.minutes`, 7 days unless set otherwise), so the
position is noted in a file too: from then on the note is what keeps the rows from being imported twice.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from app.files.lines import open_file, read_lines

FIRST_LINE = 1


@dataclass(frozen=True, slots=True)
class Progress:
    """A note of how far an import came.

    Attributes:
        file: name of the imported file.
        topic: where its tickets went.
        next_line: rows that begin before it are in the topic.
    """

    file: str
    topic: str
    next_line: int


def import_name(path: Path, mapping_digest: str, topic_id: str) -> str:
    """The name of an import, 32 hex digits; the whole file is read for it, and found to be UTF-8.

    Raises:
        Fatal: the file cannot be read, or is not UTF-8; nothing of it has been imported by then.
    """
    with open_file(path) as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        for _ in read_lines(path.name, file):
            pass
    said = "\n".join([content, mapping_digest, topic_id])
    return hashlib.sha256(said.encode()).hexdigest()[:32]


def note_file(data_dir: Path, name: str) -> Path:
    """Where the note of the import `name` is kept."""
    return data_dir / "imports" / f"{name}.json"


def read_note(path: Path) -> Progress | None:
    """The note, or None where there is none that can be understood."""
    try:
        return Progress(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def write_note(path: Path, progress: Progress) -> None:
    """Replace the note as a whole, so that a kill leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(asdict(progress), ensure_ascii=False) + "\n", encoding="utf-8")
    fresh.replace(path)
