"""Prepare a data set: from the archive as downloaded and unpacked to pairs ready to train on.

    python tools/dataset_converters/prepare.py levir-cd LEVIR-CD data/LEVIR-CD-256 --tile 256
    python tools/dataset_converters/prepare.py whu-cd DOWNLOADS data/WHU-CD
    python tools/dataset_converters/prepare.py folder SRC DST --before A --after B --label label \
        --tile 256 --blocks 6

Stopped? The same command goes on where it stopped. Train with --cfg-options data_root=DST.
"""

from mmcd.cli.commands.prepare import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
