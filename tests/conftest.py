"""Fixtures that several folders of tests share."""

pytest_plugins = [
    "tests.support.postgres",
    "tests.support.stores",
    "tests.support.memories",
    "tests.support.polis_process",
]
