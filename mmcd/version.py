"""The version of mmcd."""

__version__ = '0.1.0'
