"""Benchmarks: each module measures one thing, `python -m benchmarks` runs them and writes docs/benchmarks.

Absolute figures depend on the machine, so the bars are ratios within one run wherever they can be.
Nothing here is a test: speed is never asserted, only reported.
"""
