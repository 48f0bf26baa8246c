"""What an audit can find, and the severity of each."""

from __future__ import annotations

from dataclasses import dataclass

ERROR, WARNING = 'error', 'warning'

# The name of each check, its severity, and what it means.
CHECKS = {
    'missing partner': (ERROR, 'a before, after or label file has no partners of its name'),
    'unreadable': (ERROR, 'the file cannot be decoded'),
    'truncated': (ERROR, 'the file ends too early or is damaged; decoders may fill it with grey'),
    'image description': (ERROR, 'the image is not as the config describes images'),
    'not a number': (ERROR, 'the image holds NaN or infinite values, which training cannot take'),
    'size mismatch': (ERROR, 'before, after and label differ in size or bands'),
    'label values': (ERROR, 'the label holds values that its encoding does not have'),
    'label colours': (ERROR, 'the label is a coloured image'),
    'split without change': (ERROR, 'no label of the split has a changed pixel'),
    'leak': (ERROR, 'the same images are in two splits'),
    'same dates, changed': (ERROR, 'both dates are the same image, yet the label marks change'),
    'duplicate': (WARNING, 'the same images are in one split twice'),
    'image reused': (WARNING, 'one date is the same image as in another pair'),
    'same dates': (WARNING, 'both dates are the same image'),
    'inverted labels': (WARNING, 'most of the split is marked as changed'),
    'class without pixels': (WARNING, 'a class is in no label of the split'),
    'constant image': (WARNING, 'all pixels are the same'),
    'no data': (WARNING, 'much of the image is empty'),
    'misregistered': (WARNING, 'the dates seem to be shifted against each other'),
    'grey labels': (WARNING, 'the label has more than its two values; it is cut at a threshold'),
    'value offset': (WARNING, 'one date has the offset of newer Sentinel-2 products'),
    'mixed sizes': (WARNING, 'images of a split differ in size'),
    'mixed bands': (WARNING, 'images differ in bands or bit depth'),
}


@dataclass(frozen=True)
class Finding:
    """One thing found.

    Args:
        check: a key of ``CHECKS``.
        split: where; of two splits, those of the files, joined by '/'.
        files: which.
        text: what about them.
    """

    check: str
    split: str
    files: tuple[str, ...]
    text: str

    @property
    def severity(self) -> str:
        """'error' or 'warning'."""
        return CHECKS[self.check][0]
