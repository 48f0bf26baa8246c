"""Command lines: arguments, messages and exit codes, progress."""
