"""The log of a tree of trainings: one line of JSON per trained phase, appended when it is done.

A process that is killed loses the phase that it was training. A last line that was cut is dropped at the next start.
"""

import base64
import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from erpo_explore.errors import ResultsError
from erpo_explore.stats.bootstrap import CorpusStatistics

__all__ = ["PhaseRow", "TreeLog", "pack_sentences", "unpack_sentences"]

_HUNDREDTHS: Final = 100.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseRow:
    """One trained phase.

    Attributes:
        path: Letters of the phases up to and with this one.
        score: Score after it, in the units of the task's metric.
        validation_nll_nats: Mean −log p_θ per reference token after it.
        train_s: CPU-seconds of its steps.
        evaluation_s: CPU-seconds of its evaluation.
        sentences: Scores of the sentences, packed; empty where further phases follow.
    """

    path: str
    score: float
    validation_nll_nats: float
    train_s: float
    evaluation_s: float
    sentences: str = ""


class TreeLog:
    """The rows of one seed, and the file that they are appended to."""

    def __init__(self, file: Path, settings: Mapping[str, Any], circumstances: Mapping[str, Any]) -> None:
        """Read what is there.

        Args:
            file: The log.
            settings: What determines the rows. All starts must agree on it.
            circumstances: What was true at this start, such as versions.

        Raises:
            ResultsError: The file was begun with other settings.
        """
        self._file = file
        self._rows: dict[str, PhaseRow] = {}
        whole = file.read_bytes() if file.exists() else b""
        whole = whole[: whole.rfind(b"\n") + 1]
        for line in whole.decode().splitlines():
            entry = json.loads(line)
            if "settings" not in entry:
                self._rows[entry["path"]] = PhaseRow(**entry)
            elif entry["settings"] != settings:
                raise ResultsError(f"{file}: was begun with other settings; give another folder with --out")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(whole)
        self._append({"settings": settings, **circumstances})

    @property
    def rows(self) -> Mapping[str, PhaseRow]:
        """Row of each trained phase, by path."""
        return self._rows

    def add(self, row: PhaseRow) -> None:
        """Append a row; one that is there already must have the same score.

        Raises:
            ResultsError: Trained again, the phase has another score.
        """
        known = self._rows.get(row.path)
        if known is None:
            self._rows[row.path] = row
            self._append({name: getattr(row, name) for name in row.__slots__})
        elif known.score != row.score:
            raise ResultsError(
                f"{self._file}: {row.path} has {known.score:.4f} and, trained again, {row.score:.4f}; go on with the "
                "versions and the kind of machine of the first lines"
            )

    def _append(self, entry: Mapping[str, Any]) -> None:
        with self._file.open("a") as stream:
            stream.write(json.dumps(entry) + "\n")


def pack_sentences(statistics: CorpusStatistics) -> str:
    """The scores of the sentences as text: errors, or hundredths of the mean score.

    Raises:
        ResultsError: The metric's statistics are neither errors nor means.
    """
    values_ND = statistics.values_ND
    if statistics.kind == "error_rate":
        packed_N = values_ND[:, 0].astype(np.uint8)
    elif statistics.kind == "mean":
        packed_N = np.rint(values_ND.mean(axis=1) * _HUNDREDTHS).astype("<u2")
    else:
        raise ResultsError(f"statistics of kind {statistics.kind} cannot be packed; use an error rate or a mean")
    return base64.b64encode(zlib.compress(packed_N.tobytes(), 9)).decode()


def unpack_sentences(packed: str, kind: str) -> np.ndarray:
    """What `pack_sentences` packed: errors of each sentence, or its score.

    Args:
        packed: The text.
        kind: `error_rate` or `mean`.
    """
    content = zlib.decompress(base64.b64decode(packed))
    if kind == "error_rate":
        return np.frombuffer(content, np.uint8)
    return np.frombuffer(content, "<u2") / _HUNDREDTHS
