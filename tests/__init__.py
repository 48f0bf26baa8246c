"""Tests of mmcd, one module for each of the package's.

A package by name, since a dependency of the stack installs a top-level ``tests`` of its own.
"""
