"""Test a change-detection model: python tools/test.py CONFIG CHECKPOINT [--out DIR] ..."""

from mmcd.cli.commands.test import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
