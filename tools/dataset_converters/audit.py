"""Find what is wrong with a data set before it costs a training run.

    python tools/dataset_converters/audit.py configs/darnet_levir.py
    python tools/dataset_converters/audit.py data/mine --before A --after B --label label

Reads every file once. Exit code: 0 without errors, 1 with errors, 2 where it can't be run.
"""

from mmcd.cli.commands.audit import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
