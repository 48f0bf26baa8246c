"""Error types of mmcd. Each also inherits the builtin that a caller would catch.

Their texts say what came, what was expected and what to do; the command-line tools print them
without a stack trace.
"""

from __future__ import annotations

from collections.abc import Sequence

MOST_LISTED = 20


class MMCDError(Exception):
    """Base of all errors that a user's input or machine can cause."""


class StackError(MMCDError, ImportError):
    """A part of the OpenMMLab stack is missing, too old, or installed twice."""


class ConfigError(MMCDError, ValueError):
    """A setting in a config or on the command line cannot be used."""


class DatasetError(MMCDError, ValueError):
    """A data set's files do not fit together."""


class DatasetNotFoundError(DatasetError, FileNotFoundError):
    """A data set's folder or files are not where they were expected."""


class MissingFileError(DatasetError, FileNotFoundError):
    """A data set's file has gone since it was indexed."""


class LabelError(MMCDError, ValueError):
    """A label holds values outside its data set's encoding."""


class ImagePairError(MMCDError, ValueError):
    """Two images, or an image and its label, do not form a pair."""


class ImageNotFoundError(ImagePairError, FileNotFoundError):
    """There is no file where an image was expected."""


class CheckpointError(MMCDError, ValueError):
    """A checkpoint cannot be read safely, or does not fit the model."""


class InUseError(MMCDError, RuntimeError):
    """Another process is writing to the same place."""


class CheckpointWriteError(MMCDError, OSError):
    """A checkpoint cannot be written."""


class StoppedBySignalError(MMCDError):
    """A run has ended because a signal asked it to.

    Args:
        text: what was kept, and how to go on.
        signal: the signal's number.
    """

    def __init__(self, text: str, signal: int) -> None:
        super().__init__(text)
        self.signal = signal


class WorkerLostError(MMCDError, RuntimeError):
    """A process that loads data, or works through a share of the jobs, has been killed."""


class PeerLostError(MMCDError, RuntimeError):
    """Another process of a distributed run has ended or is frozen."""


class RunMemoryError(MMCDError, MemoryError):
    """A run does not fit the memory of its device."""


class UnreadableFilesError(MMCDError, OSError):
    """More files of a data set are unreadable than a run may skip."""


class FirstStepError(MMCDError, RuntimeError):
    """A run fails in its first iteration."""


class NonFiniteLossError(MMCDError, FloatingPointError):
    """The training loss is NaN or infinite."""


class MissingExtraError(MMCDError, ImportError):
    """The packages of one of mmcd's extras are not installed."""


class FileWriteError(MMCDError, OSError):
    """A file cannot be written, as on a full disk."""


class PredictionError(MMCDError, FloatingPointError):
    """A network gave something other than scores.

    Args:
        text: what came, where, and why that is likely.
        index: which tile or pair of the batch it came for.
    """

    def __init__(self, text: str, index: int = 0) -> None:
        super().__init__(text)
        self.index = index

    def at(self, place: str) -> PredictionError:
        """The same, saying of what image or tile."""
        return PredictionError(f'{place}: {self}', self.index)


class SceneError(MMCDError, ValueError):
    """Two rasters, or the settings for them, cannot give a change map."""


class SceneStoppedError(MMCDError, RuntimeError):
    """A scene's run broke off; the strips it has finished are kept."""


class ExportError(MMCDError, RuntimeError):
    """A model cannot be exported, or an exported file cannot be run."""


class ExportMemoryError(ExportError, MemoryError):
    """An exported network's batch does not fit into the memory of its device."""


class ResultError(MMCDError, ValueError):
    """A result on disk can't be read, or results don't go together."""


class SuiteError(MMCDError, RuntimeError):
    """A run of a suite ended with an error, or what it starts from is not there."""


def listed(lines: Sequence[str]) -> str:
    """Lines for an error's text, indented; of many, the first."""
    shown = [f'  {line}' for line in lines[:MOST_LISTED]]
    if len(lines) > MOST_LISTED:
        shown.append(f'  ... and {len(lines) - MOST_LISTED} more')
    return '\n'.join(shown)
