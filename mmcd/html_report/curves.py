"""Plots of the curves that a result holds; those that it lacks are left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mmcd.html_report.plots import (
    Plot,
    calibration_curve,
    objects_by_size,
    precision_recall_curve,
)

CALIBRATED = (('all pixels', 'calibration'), ('changed in label or map', 'calibration_change'))


def curves_of(record: Mapping[str, Any]) -> Iterator[Plot]:
    """Precision and recall, calibration, objects by size, of change of any kind."""
    curves = record['curves'].get('change', {})
    if 'precision_recall' in curves:
        yield _precision_recall(curves['precision_recall'], record)
    if 'calibration' in curves:
        yield _calibration(curves, record['metrics'])
    if 'objects_by_size' in curves:
        sizes = curves['objects_by_size']
        yield objects_by_size(
            [_size(each) for each in sizes],
            [each['recall'] for each in sizes],
            [each['objects'] for each in sizes],
        )


def _precision_recall(curve: Mapping[str, Sequence[float]], record: Mapping[str, Any]) -> Plot:
    metrics, threshold = record['metrics'], record['protocol'].get('threshold')
    return precision_recall_curve(
        curve['recall'],
        curve['precision'],
        chosen=(metrics['recall'], metrics['precision']),
        threshold=threshold if isinstance(threshold, (int, float)) else None,
        average_precision=metrics.get('average_precision'),
    )


def _calibration(curves: Mapping[str, Any], metrics: Mapping[str, Any]) -> Plot:
    lines = [
        (
            name,
            [each['probability'] for each in curves[key]],
            [each['changed'] for each in curves[key]],
        )
        for name, key in CALIBRATED
        if curves.get(key)
    ]
    errors = [
        f'{metrics[error]:.1f} % over {pixels}'
        for error, pixels in (
            ('calibration_error', 'all pixels, most of which are easy background'),
            ('calibration_error_change', 'pixels changed in the label or the map'),
        )
        if error in metrics
    ]
    caption = f'Mean gap to the dashed line: {"; ".join(errors)}.' if errors else ''
    return calibration_curve(lines, caption)


def _size(each: Mapping[str, Any]) -> str:
    low, high = each['min_pixels'], each['max_pixels']
    return f'≥ {low:,}' if high is None else f'{low:,}–{high:,}'
