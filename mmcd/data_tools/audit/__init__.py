"""Finding what is wrong with a data set before it costs a training run."""

from mmcd.data_tools.audit.audit_report import AuditReport
from mmcd.data_tools.audit.runner import run_audit

__all__ = ['AuditReport', 'run_audit']
