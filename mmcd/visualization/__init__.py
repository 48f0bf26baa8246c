"""Comparison panels and contact sheets."""

from mmcd.visualization.panel import draw_panel

__all__ = ['draw_panel']
