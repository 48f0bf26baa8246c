"""Trained models as ONNX files."""

from mmcd.export.export_report import ExportReport
from mmcd.export.onnx_export import export_onnx

__all__ = ['ExportReport', 'export_onnx']
