"""Score masks of any method: python tools/analysis_tools/eval_masks.py PRED_DIR LABEL_DIR ..."""

from mmcd.cli.commands.evaluate import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
