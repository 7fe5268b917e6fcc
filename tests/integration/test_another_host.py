"""A worker on another host: its own network, name and home; database, broker (over TLS) and engine by address."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import replay
from infrastructure.embedded_postgres import EmbeddedPostgres
from infrastructure.embedded_valkey import EmbeddedValkey
from infrastructure.settings import Settings
from tests.support.crashes import ROOT, eventually, home_of_its_own
from tests.support.gossip import gossip_server
from tests.support.other_host import OtherHost, certificate, other_host  # noqa: F401 -- a fixture
from tests.support.polis_process import Polis
from workers.bootstrap import open_store
from workers.broker import Broker
from workers.errors import QueueUnavailable

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SOCIETY = ("--agents", "30", "--width", "10", "--height", "10", "--seed", "7", "--ticks", "240", "--name", "far")
SETTINGS = ("--set", "think_budget=400", "--set", "think_delay=8", "--pace", "40", "--mind", "openai")


@pytest.mark.timeout(600)
def test_a_worker_on_another_host_answers_over_addresses_and_tls(
    polis_home: dict[str, str],
    other_host: OtherHost,  # noqa: F811
    tmp_path: Path,
) -> None:
    folder, here = Path(polis_home["POLIS_HOME"]), other_host.here
    trusted, shown = certificate(tmp_path, here)
    with ExitStack() as stack:
        engine = stack.enter_context(gossip_server(here))
        home = polis_home | {"POLIS_MIND_URL": engine}
        valkey = stack.enter_context(EmbeddedValkey(folder))
        postgres = stack.enter_context(EmbeddedPostgres(folder))
        store = stack.enter_context(open_store(Settings(home=folder)))
        database = urlsplit(postgres.url("postgres"))
        port = other_host.forward(("127.0.0.1", int(database.port or 0)))
        url = database._replace(netloc=f"{database.username}:{database.password}@{here}:{port}").geturl()
        broker = f"rediss://{here}:{other_host.forward(valkey.socket, tls=shown)}/0?ssl_cert_reqs=required"
        with pytest.raises(QueueUnavailable, match=r"(?i)certificate"):
            Broker(broker).ping()  # nobody has vouched for it
        broker += f"&ssl_ca_certs={trusted}"
        assert Broker(broker).ping() < 1_000

        far = stack.enter_context(home_of_its_own())
        far |= {"POLIS_DATABASE_URL": url, "POLIS_BROKER_URL": broker, "POLIS_MIND_URL": engine}
        worker = subprocess.Popen(
            [*other_host.command, "env", *(f"{k}={v}" for k, v in far.items()), sys.executable, "-W", "ignore",
             "-m", "chronopolis.cli.main", "worker", "--concurrency", "2"],
            cwd=ROOT, text=True, stderr=subprocess.PIPE,
        )  # fmt: skip
        stack.callback(worker.kill)

        def there() -> list[dict]:
            return [each for each in Broker(valkey.url).workers() if each["host"] == "other-host"]

        eventually(lambda: there() != [] or worker.poll() is not None, within_s=90)
        assert worker.poll() is None, worker.stderr and worker.stderr.read()
        running = Polis(home, "run", *SOCIETY, *SETTINGS, "--json")
        answered = 0

        def look() -> bool:
            nonlocal answered
            answered = max([answered, *(each.get("answered", 0) for each in there())])
            return running.process.poll() is not None

        eventually(look, within_s=400)
        summary = running.result()
        assert (summary["status"], summary["refused"]) == ("complete", 0), summary
        assert answered >= 3, "the other host had its share"
        run = store.find("far")
        assert replay.reexecute(store, run).identical
        worker.send_signal(signal.SIGTERM)
        _, said = worker.communicate(timeout=60)
        assert worker.returncode == 0, said
        print(f"{answered} of {summary['thoughts']} thoughts were answered on the other host")
