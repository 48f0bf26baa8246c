from __future__ import annotations

from mmcd.data_tools.audit.audit_report import MOST_LISTED, AuditReport
from mmcd.data_tools.audit.findings import CHECKS, ERROR, WARNING, Finding
from mmcd.data_tools.audit.statistics import SplitStatistics


def report(count: int) -> AuditReport:
    findings = [Finding('leak', 'train/test', (f'a{i}', f'b{i}'), 'turned') for i in range(count)]
    findings.append(Finding('inverted labels', 'train', (), 'most'))
    return AuditReport([SplitStatistics('train')], findings)


def test_errors_and_warnings_are_counted_apart():
    assert (report(3).count(ERROR), report(3).count(WARNING)) == (3, 1)
    assert '3 error(s), 1 warning(s)' in report(3).as_text()


def test_the_text_lists_the_first_and_json_all():
    text = report(MOST_LISTED + 5).as_text()
    assert 'a0 = b0: turned' in text
    assert f'a{MOST_LISTED}' not in text and '... and 5 more' in text
    assert len(report(MOST_LISTED + 5).as_dict()['findings']) == MOST_LISTED + 6


def test_a_finding_without_files_names_its_split():
    assert '  train: most' in report(0).as_text()


def test_every_check_is_an_error_or_a_warning():
    assert {severity for severity, _ in CHECKS.values()} == {ERROR, WARNING}
