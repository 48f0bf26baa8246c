"""Map whole scenes: python tools/infer_scene.py CONFIG CHECKPOINT BEFORE AFTER --out OUT.tif ..."""

from mmcd.cli.commands.map import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
