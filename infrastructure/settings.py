"""Where this machine keeps its runs, which database and broker it uses: read from the environment, when asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs


@dataclass(frozen=True)
class Settings:
    """What the environment decides; everything else belongs to a run's configuration.

    Parameters
    ----------
    home : Path, absolute
        Folder of the embedded servers and all that they keep.
    database_url : str or None
        A Postgres of one's own; None means the embedded one under `home`. Left out of `repr`: it may hold a
        password.
    broker_url : str or None
        A Redis or Valkey of one's own; None means the embedded one under `home`. Left out of `repr` too.
    """

    home: Path
    database_url: str | None = field(default=None, repr=False)
    broker_url: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read POLIS_HOME, POLIS_DATABASE_URL and POLIS_BROKER_URL; a variable that is set but empty counts as not set.

        Parameters
        ----------
        environ : mapping, optional
            In place of `os.environ`, for tests.

        Returns
        -------
        Settings
        """
        environ = os.environ if environ is None else environ
        home = environ.get("POLIS_HOME")
        folder = Path(home).expanduser() if home else platformdirs.user_data_path("chronopolis")
        return cls(
            home=folder.absolute(),
            database_url=environ.get("POLIS_DATABASE_URL") or None,
            broker_url=environ.get("POLIS_BROKER_URL") or None,
        )
