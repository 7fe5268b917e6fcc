"""Hypothesis: the same examples on every machine and day, and no clock."""

from hypothesis import settings

settings.register_profile("chronopolis", derandomize=True, deadline=None, max_examples=60, print_blob=True)
settings.load_profile("chronopolis")
