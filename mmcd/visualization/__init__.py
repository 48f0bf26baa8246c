"""Pictures for people."""

from mmcd.visualization.panel import draw_panel

__all__ = ['draw_panel']
