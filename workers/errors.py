"""The workers' branch of errors.

::

    PolisError
    └── WorkerError
        ├── QueueUnavailable   the broker does not answer, or takes no more messages
        ├── BadMessage         a message that no worker can carry out
        └── CrewFailed         a worker process does not stay up
"""

from __future__ import annotations

from pathlib import Path

from domain.errors import PolisError


class WorkerError(PolisError):
    """Something between the runner and its workers failed."""


class QueueUnavailable(WorkerError):
    """The broker does not answer, or takes no more messages. Nothing is lost: what is owed stands in the store.

    Parameters
    ----------
    url : str
        Its password is struck out before it is kept.
    because : str
        What the client said.
    """

    def __init__(self, url: str, because: str) -> None:
        from workers.bootstrap import without_password  # here: it brings a database driver along

        url = without_password(url)
        super().__init__(url, because)
        self.url, self.because = url, because

    def __str__(self) -> str:
        return (
            f"the broker {self.url} can't be used: {self.because}\n"
            "Nothing is lost: requests stand in the database and are sent again. Check that the broker runs and that "
            "POLIS_BROKER_URL is right, or unset it to use the embedded one."
        )


class BadMessage(WorkerError):
    """A message that no worker can carry out, however often it is tried; it is set aside.

    Parameters
    ----------
    task : str
    because : str
    """

    def __init__(self, task: str, because: str) -> None:
        super().__init__(task, because)
        self.task, self.because = task, because

    def __str__(self) -> str:
        return f"a message for {self.task} can't be carried out: {self.because}\n`polis worker --poison` shows it."


class CrewFailed(WorkerError):
    """A worker process did not stay up.

    Parameters
    ----------
    worker : str
    times : int
        How often it ended.
    log : Path
    """

    def __init__(self, worker: str, times: int, log: Path) -> None:
        super().__init__(worker, times, log)
        self.worker, self.times, self.log = worker, times, log

    def __str__(self) -> str:
        return (
            f"the worker {self.worker} ended {self.times} times and is not started any more\n"
            f"Its log is {self.log}. Put right what it says, then `polis resume` the run."
        )
