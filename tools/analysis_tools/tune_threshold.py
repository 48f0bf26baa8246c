"""Tune a threshold: python tools/analysis_tools/tune_threshold.py CONFIG CHECKPOINT ..."""

from mmcd.cli.commands.tune import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
