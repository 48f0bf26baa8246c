"""Trained models as ONNX files."""

from mmcd.export.onnx_export import ExportReport, export_onnx

__all__ = ['ExportReport', 'export_onnx']
