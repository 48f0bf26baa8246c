"""Finding what is wrong with a data set before it costs a training run."""

from mmcd.audit.report import AuditReport
from mmcd.audit.runner import run_audit

__all__ = ['AuditReport', 'run_audit']
