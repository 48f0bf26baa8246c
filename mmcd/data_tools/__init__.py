"""Auditing data sets, and preparing them for training."""
