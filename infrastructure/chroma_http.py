"""What we need of Chroma's HTTP API, with a time limit on every call.

The client that comes with chromadb waits for ever, and loads 80 MB into every worker.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import httpx

from domain.errors import MemoryUnavailable
from infrastructure.errors import InfrastructureError
from infrastructure.passwords import without_password

TIMEOUT_S = 15.0
_API = "/api/v2/tenants/default_tenant/databases/default_database/collections"
_PASSING = (httpx.codes.BAD_GATEWAY, httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.GATEWAY_TIMEOUT)
_ATTEMPTS = 3


class Collection:
    """One collection of a Chroma server, made where it is missing. Threads may share one.

    Every call may be repeated, so one that failed because the server went away is.

    Parameters
    ----------
    url : callable, returns where the server answers; called again after a failure, so it may start the server
    name : str
    configuration : as Chroma takes it, for when the collection is made
    """

    def __init__(self, url: Callable[[], str], name: str, configuration: Mapping[str, Any]) -> None:
        self._url, self.name, self._configuration = url, name, dict(configuration)
        self._http = httpx.Client(timeout=TIMEOUT_S, trust_env=False)
        self._lock = threading.Lock()
        self._found: tuple[str, str] | None = None  # URL of the server, id of the collection
        self._asked = ""

    def get(
        self,
        *,
        ids: Sequence[str] | None = None,
        where: Mapping[str, Any] | None = None,
        include: Sequence[str] = ("metadatas",),
        limit: int | None = None,
    ) -> dict[str, Any]:
        """Return records by id or by their metadata, in no order; those that are not there are left out."""
        wanted = {"ids": ids, "where": where, "include": include, "limit": limit}
        found: dict[str, Any] = self._call("get", {name: v for name, v in wanted.items() if v is not None})
        return found

    def add(self, records: Mapping[str, Sequence[Any]]) -> None:
        """Add records: ids, embeddings, documents and metadatas; one whose id is there stays as it is."""
        self._call("add", dict(records))

    def upsert(self, records: Mapping[str, Sequence[Any]]) -> None:
        """Add records, or put them in the place of those that are there."""
        self._call("upsert", dict(records))

    def update(self, ids: Sequence[str], metadatas: Sequence[Mapping[str, Any]]) -> None:
        """Change some of the metadata of records; one that is not there stays so."""
        self._call("update", {"ids": ids, "metadatas": metadatas})

    def delete(self, ids: Sequence[str]) -> None:
        """Delete records."""
        self._call("delete", {"ids": ids})

    def close(self) -> None:
        """Close connections."""
        self._http.close()

    # -- the calls -----------------------------------------------------------------------------------

    def _call(self, what: str, body: Mapping[str, Any]) -> Any:
        last = ""
        for attempt in range(_ATTEMPTS):
            if attempt:
                time.sleep(0.1 * attempt)
            try:
                url, collection = self._find()
                answer = self._http.post(f"{url}{_API}/{collection}/{what}", json=body)
            except InfrastructureError as error:  # ours, which did not come up; somebody may just have killed it
                last = str(error)
                continue
            except httpx.TimeoutException:
                raise MemoryUnavailable(f"Chroma at {self._where()} did not answer within {TIMEOUT_S:g} s") from None
            except httpx.InvalidURL:
                raise MemoryUnavailable(f"{self._where()} is no URL that can be asked; see POLIS_CHROMA_URL") from None
            except httpx.HTTPError as error:
                last = f"Chroma at {self._where()} can't be reached: {str(error) or type(error).__name__}"
                self._found = None  # perhaps it starts anew, somewhere else
                continue
            if answer.status_code == httpx.codes.NOT_FOUND:
                last = f"Chroma at {self._where()} lost the collection {self.name}"
                self._found = None
                continue
            if answer.status_code in _PASSING:
                last = f"Chroma at {self._where()} answered {answer.status_code}"
                continue
            return self._value(answer)
        raise MemoryUnavailable(last)

    def _find(self) -> tuple[str, str]:
        with self._lock:
            if self._found is None:
                url = self._asked = self._url().rstrip("/")
                body = {"name": self.name, "get_or_create": True, "configuration": self._configuration}
                answer = self._value(self._http.post(url + _API, json=body))
                self._found = url, str(answer["id"])
            return self._found

    def _where(self) -> str:
        return without_password(self._asked)

    def _value(self, answer: httpx.Response) -> Any:
        """Return what was answered, or raise what Chroma said."""
        if answer.is_error:
            raise MemoryUnavailable(f"Chroma answered {answer.status_code}: {answer.text[:300]}")
        try:
            return answer.json()
        except ValueError:
            raise MemoryUnavailable(f"what answers is no Chroma: {answer.text[:100]!r}") from None
