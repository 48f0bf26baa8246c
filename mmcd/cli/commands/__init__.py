"""The sub-commands of ``mmcd``, which the thin files in ``tools/`` call too.

Each is a module with ``main(argv, prog)``. Its own imports are light: what is heavy is imported
once the arguments are known to be good.
"""
