"""Trained models as ONNX files, and such files as models."""

from mmcd.deployment.export import export_onnx
from mmcd.deployment.export_report import ExportReport
from mmcd.deployment.exported_model import ExportedModel

__all__ = ['ExportReport', 'ExportedModel', 'export_onnx']
