"""Compare results of tests: python tools/analysis_tools/compare_results.py A.json B.json ..."""

from mmcd.cli.commands.report import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
