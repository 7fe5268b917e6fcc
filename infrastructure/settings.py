"""Where this machine keeps its runs, which database and broker it uses: read from the environment, when asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from infrastructure.errors import DataFolderUnusable


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
    chroma_url : str or None
        A Chroma of one's own; None means the embedded one under `home`. Left out of `repr` too.
    mind_url, mind_model, mind_key : str or None
        Where a mind's engine answers (None: a server of ours), which model it is to use, and the key that it
        asks for, which is left out of `repr`.
    """

    home: Path
    database_url: str | None = field(default=None, repr=False)
    broker_url: str | None = field(default=None, repr=False)
    chroma_url: str | None = field(default=None, repr=False)
    mind_url: str | None = None
    mind_model: str | None = None
    mind_key: str | None = field(default=None, repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read the variables POLIS_…; one that is set but empty counts as not set.

        Parameters
        ----------
        environ : mapping, optional
            In place of `os.environ`, for tests.

        Returns
        -------
        Settings

        Raises
        ------
        DataFolderUnusable
            If nobody can say where the home is.
        """
        environ = os.environ if environ is None else environ
        return cls(
            home=_home(environ.get("POLIS_HOME")),
            database_url=environ.get("POLIS_DATABASE_URL") or None,
            broker_url=environ.get("POLIS_BROKER_URL") or None,
            chroma_url=environ.get("POLIS_CHROMA_URL") or None,
            mind_url=environ.get("POLIS_MIND_URL") or None,
            mind_model=environ.get("POLIS_MIND_MODEL") or None,
            mind_key=environ.get("POLIS_MIND_KEY") or None,
        )


def _home(given: str | None) -> Path:
    try:
        folder = (Path(given).expanduser() if given else platformdirs.user_data_path("chronopolis")).absolute()
        folder.resolve()  # as each server will
    except (OSError, RuntimeError) as error:  # no folder of such a user, or links that lead back to themselves
        place = Path(given or "the user's data folder")
        raise DataFolderUnusable(
            place, str(error).rstrip("."), "Set POLIS_HOME to the whole path of a folder."
        ) from None
    return folder
