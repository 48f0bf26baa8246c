"""Suites of runs: training and testing a list of configs and seeds, and tables of the results."""
