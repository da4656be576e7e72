"""People's word on surges, out of `tickets.corrections`: who looks at one, and of which nothing is to be told. Beside
corrections, under the surge path.
"""

import threading
from contextlib import suppress
from dataclasses import dataclass, replace

from agents.wire import Record
from models.surge.word import UNSAID, Word
from schemas.codec import decode
from schemas.contract import epoch_ms_of
from schemas.feedback import Correction, CorrectionKind
from schemas.unreadable import Unreadable

_SILENCE = (CorrectionKind.SILENCED, CorrectionKind.UNSILENCED)
_KINDS = (CorrectionKind.ACKNOWLEDGED, *_SILENCE)


@dataclass(frozen=True, slots=True)
class _Act:
    cluster_id: str
    kind: CorrectionKind
    at_ms: int
    until_s: int
    revision: int


class SurgeWord:
    """What stands in `tickets.corrections` of surges; each cluster's last act of a kind counts. Fed by the follower's
    thread, asked by the surge agent's."""

    def __init__(self) -> None:
        self._changing = threading.Lock()
        self._acts: dict[bytes, _Act] = {}  # by key, in the order of their revisions

    def feed(self, key: bytes | None, value: bytes | None, offset: int) -> None:
        """Take one record; what stood under its key counts no more.

        Raises:
            Unreadable: it is no correction.
        """
        with self._changing:
            self._acts.pop(key or b"", None)
        if key is None or value is None:
            return
        event = decode(Correction, value)
        if event.kind not in _KINDS or event.cluster_id is None:
            return
        ends = event.until if event.kind is not CorrectionKind.UNSILENCED and event.until else event.at
        at_ms, until_s = epoch_ms_of(event.at), epoch_ms_of(ends) // 1000
        with self._changing:
            self._acts[key] = _Act(event.cluster_id, event.kind, at_ms, until_s, offset + 1)

    def on_correction(self, record: Record) -> None:
        """Take one record as the follower reads it; of one that cannot be read others complain."""
        with suppress(Unreadable):
            self.feed(record.key(), record.value(), record.offset())

    def of(self) -> dict[str, Word]:
        """Cluster -> what was said of it last, by the time at which it was done; those of whom nobody spoke are not in
        it."""
        with self._changing:
            acts = list(self._acts.values())
        said: dict[str, Word] = {}
        for act in sorted(acts, key=lambda one: (one.at_ms, one.revision)):
            word = said.get(act.cluster_id, UNSAID)
            if act.kind in _SILENCE:
                word = replace(word, silenced_until_s=act.until_s, silenced_at_s=act.at_ms // 1000)
            else:
                word = replace(word, acknowledged_at_s=act.at_ms // 1000, acknowledged_until_s=act.until_s)
            said[act.cluster_id] = word
        return said
