"""Export a trained model: python tools/deployment/export_onnx.py CONFIG CHECKPOINT OUT.onnx ..."""

from mmcd.cli.commands.export import main
from mmcd.cli.console import run_tool

if __name__ == '__main__':
    run_tool(main)
