"""What figures are called where a person reads them."""

from __future__ import annotations

# By the keys of a result, without the prefix of the log.
NAMES = {
    'f1': 'F1',
    'iou': 'IoU',
    'oa': 'overall accuracy',
    'kappa': "Cohen's kappa",
    'precision': 'precision',
    'recall': 'recall',
    'object_f1': 'object F1',
    'object_precision': 'object precision',
    'object_recall': 'object recall',
    'boundary_f1': 'boundary F1',
    'boundary_precision': 'boundary precision',
    'boundary_recall': 'boundary recall',
    'average_precision': 'average precision',
    'calibration_error_change': 'calibration error, changed pixels',
    'calibration_error': 'calibration error, all pixels',
    'exchange_gap': 'gap between the two orders of the dates',
}
# Those that a person reads first.
HEADLINE = ('f1', 'iou', 'precision', 'recall')
PREFIX = 'change/'  # of the keys in a log
# Of other facts about a result.
WORDS = {'iou': 'IoU', 'f1': 'F1', 'sha256': 'SHA-256', 'tta': 'TTA'}


def metric_name(key: str) -> str:
    """A figure's name in words.

    Args:
        key: such as 'f1', 'change/f1', 'mf1' (the mean over classes), or 'f1_demolished' (of one).

    Example:
        >>> metric_name('change/iou_new_building')
        'IoU of new building'
    """
    key = key.rsplit('/', 1)[-1]
    if key in NAMES:
        return NAMES[key]
    if key.removeprefix('m') in NAMES:
        return f'{NAMES[key.removeprefix("m")]}, mean of the classes'
    for known, name in NAMES.items():
        if key.startswith(f'{known}_'):
            return f'{name} of {key.removeprefix(f"{known}_").replace("_", " ")}'
    return ' '.join(WORDS.get(word, word) for word in key.split('_'))


def capitalised(text: str) -> str:
    """With a capital first letter; the others stay, as in 'IoU' and 'F1'."""
    return text[:1].upper() + text[1:]
