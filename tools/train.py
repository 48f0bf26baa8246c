"""Train a change-detection model: python tools/train.py CONFIG [--work-dir DIR] [--resume] ..."""

from mmcd.cli.commands.train import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
