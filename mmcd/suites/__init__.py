"""Suites of runs: training and testing a list of configs and seeds, and the tables of what came."""
