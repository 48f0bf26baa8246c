"""Run a suite of trainings and tests: python tools/benchmark.py SUITE [--only NAME] [--seeds N]."""

from mmcd.cli.commands.benchmark import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
