"""Comparison panels and contact sheets."""

from mmcd.visualization.change_visualizer import ChangeVisualizer
from mmcd.visualization.panel import draw_panel

__all__ = ['ChangeVisualizer', 'draw_panel']
