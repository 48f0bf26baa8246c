"""Change detection in pairs of remote-sensing images, on top of MMSegmentation.

Importing ``mmcd`` loads nothing of the stack; ``mmcd.apis`` and ``mmcd.registry`` do.
"""

from mmcd.version import __version__

__all__ = ['__version__']
