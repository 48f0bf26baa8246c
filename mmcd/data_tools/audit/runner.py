"""Auditing: one pass over all files, then a search for what is there twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from mmcd.data_tools.audit.audit_report import AuditReport
from mmcd.data_tools.audit.duplicates import find_duplicates
from mmcd.data_tools.audit.findings import CHECKS, Finding
from mmcd.data_tools.audit.inspection import PairRecord, inspect_pair
from mmcd.data_tools.audit.splits import AuditSplit, list_pairs
from mmcd.data_tools.audit.statistics import SplitStatistics
from mmcd.errors import DatasetNotFoundError
from mmcd.parallel import run_jobs

Show = Callable[[Iterable[PairRecord], int], Iterable[PairRecord]]


def run_audit(splits: Sequence[AuditSplit], workers: int, show: Show | None = None) -> AuditReport:
    """Audit splits.

    Args:
        splits: in order: of a leak, the later split is the one leaked into.
        workers: processes that read files.
        show: passes the records through and shows how many there are.

    Raises:
        DatasetNotFoundError: folders are missing, or there is no pair at all.
    """
    listings = [list_pairs(split) for split in splits]
    tasks = [task for listing in listings for task in listing.tasks]
    findings = [finding for listing in listings for finding in listing.findings]
    if not tasks and not findings:
        folders = ', '.join(str(split.folders[0].path) for split in splits)
        raise DatasetNotFoundError(f'There are no images in {folders}.')
    statistics = {
        split.name: SplitStatistics(split.name, split.classes, split.image) for split in splits
    }
    inspected = run_jobs(inspect_pair, tasks, workers)
    records = []
    for record in show(inspected, len(tasks)) if show else inspected:
        statistics[record.split].add(record)
        findings += record.findings
        record.forget()
        records.append(record)
    order = {split.name: number for number, split in enumerate(splits)}
    records.sort(key=lambda record: (order[record.split], record.files.name))
    for summary in statistics.values():
        findings += summary.findings()
    findings += find_duplicates(records)
    return AuditReport(list(statistics.values()), sorted(findings, key=_rank))


def _rank(finding: Finding) -> tuple[int, tuple[str, ...]]:
    return list(CHECKS).index(finding.check), finding.files
