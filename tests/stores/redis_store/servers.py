"""Redis servers that tests start on free ports: alone, with TLS, with Sentinels, as a cluster."""

import datetime as dt
import ipaddress
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

INSTALL = "apt-get install redis-server"
PROGRAM = "redis-server"
SERVICE = "shop"
SLOTS = 16_384
_PATIENCE = 60
# A master waits for more replicas before it sends its records.
_QUICK = ("--repl-diskless-sync-delay", "0")


def is_installed() -> bool:
    """Whether tests can start a Redis."""
    return shutil.which(PROGRAM) is not None


def free_port() -> int:
    """Return a port that nothing uses."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def wait_until(is_true: Callable[[], bool]) -> None:
    """Wait until servers have reached a state."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        # A server that changes its role closes all connections.
        with suppress(redis.RedisError):
            if is_true():
                return
        time.sleep(0.02)
    pytest.fail("The servers did not reach the state in time.")


class Server:
    """One server on a free port, which can be stopped and started again."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.port = free_port()
        self.folder = folder / str(self.port)
        self.folder.mkdir()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        where = ("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder))
        self.command: tuple[str, ...] = (*where, "--save", "", *_QUICK, *options)
        self.bus = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 - an installed program
            (PROGRAM, *self.command), stdout=subprocess.DEVNULL
        )
        wait_until(self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "redis-server did not start"
        return bool(self.run("PING"))

    def run(self, *command: object) -> object:
        """Run a command on the server, and return its reply as it is."""
        with redis.Redis.from_url(self.url, decode_responses=True, protocol=2) as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def says(self, section: str, text: str) -> bool:
        """Whether a section of INFO contains a text."""
        return text in str(self.run("INFO", section))

    def send(self, number: int) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class Servers:
    """Starts servers, and kills them all in the end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._started: list[Server] = []

    def __call__(self, *options: str) -> Server:
        """Start one server."""
        server = Server(self.folder, *options)
        self._started.append(server)
        server.start()
        return server

    def replica(self, port: int, *options: str) -> Server:
        """Start a replica of the master at a port, and wait until it has its records."""
        replica = self("--replicaof", f"127.0.0.1 {port}", *options)
        wait_until(lambda: replica.says("replication", "master_link_status:up"))
        return replica

    def sentinel(self, master: Server) -> Server:
        """Start a Sentinel, which agrees on a failure with one other within a second."""
        sentinel = Server(self.folder)
        file = sentinel.folder / "sentinel.conf"
        file.write_text(
            f"port {sentinel.port}\nbind 127.0.0.1\ndir {sentinel.folder}\n"
            f"sentinel monitor {SERVICE} 127.0.0.1 {master.port} 2\n"
            f"sentinel down-after-milliseconds {SERVICE} 1000\n"
            f"sentinel failover-timeout {SERVICE} 3000\n",
            encoding="utf-8",
        )
        sentinel.command = (str(file), "--sentinel")
        self._started.append(sentinel)
        sentinel.start()
        return sentinel

    def kill(self) -> None:
        for server in self._started:
            server.kill()


@contextmanager
def servers(folder: Path) -> Iterator[Servers]:
    """Yield a function that starts servers."""
    started = Servers(folder)
    try:
        yield started
    finally:
        started.kill()


@dataclass
class Watched:
    """A master and its replica, watched by three Sentinels."""

    master: Server
    replica: Server
    sentinels: list[Server]

    @property
    def url(self) -> str:
        nodes = ",".join(f"127.0.0.1:{each.port}" for each in self.sentinels)
        return f"redis+sentinel://{nodes}/{SERVICE}/0"


def start_watched(start: Servers, *options: str) -> Watched:
    """Start a master, its replica and three Sentinels that know each other."""
    master = start(*options)
    replica = start.replica(master.port, *options)
    sentinels = [start.sentinel(master) for _ in range(3)]
    for sentinel in sentinels:
        wait_until(lambda one=sentinel: one.says("sentinel", "status=ok,address="))
        wait_until(lambda one=sentinel: one.says("sentinel", "slaves=1,sentinels=3"))
    return Watched(master, replica, sentinels)


@dataclass
class Cluster:
    """The primaries of a cluster."""

    nodes: list[Server]

    @property
    def url(self) -> str:
        return "redis+cluster://" + ",".join(f"127.0.0.1:{each.port}" for each in self.nodes)


def start_cluster(start: Servers, *options: str) -> Cluster:
    """Start three primaries, each with a third of the slots."""
    nodes = [_start_node(start, *options) for _ in range(3)]
    for number, node in enumerate(nodes):
        first, end = SLOTS * number // 3, SLOTS * (number + 1) // 3
        node.run("CLUSTER", "ADDSLOTSRANGE", first, end - 1)
        node.run("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        _meet(node, nodes[0])
    for node in nodes:
        wait_until(lambda one=node: "cluster_state:ok" in str(one.run("CLUSTER", "INFO")))
    return Cluster(nodes)


def add_node(start: Servers, cluster: Cluster) -> Server:
    """Add a primary without slots, and wait until the others know it."""
    node = _start_node(start)
    for other in cluster.nodes:
        _meet(node, other)
    name = str(node.run("CLUSTER", "MYID"))
    for other in cluster.nodes:
        wait_until(lambda one=other: name in str(one.run("CLUSTER", "NODES")))
    wait_until(lambda: "cluster_state:ok" in str(node.run("CLUSTER", "INFO")))
    return node


def add_replicas(start: Servers, cluster: Cluster, *options: str) -> list[Server]:
    """Add a replica to each primary, and wait until all nodes know it and it has the records."""
    replicas = [_start_node(start, *options) for _ in cluster.nodes]
    for node, replica in zip(cluster.nodes, replicas, strict=True):
        _meet(replica, node)
        name = node.run("CLUSTER", "MYID")
        # Refused until the nodes have met.
        wait_until(lambda one=replica, name=name: one.run("CLUSTER", "REPLICATE", name) == "OK")
    for replica in replicas:
        wait_until(lambda one=replica: one.says("replication", "master_link_status:up"))
    for node in cluster.nodes:
        wait_until(lambda one=node: str(one.run("CLUSTER", "NODES")).count(" slave ") == 3)
    return replicas


def _start_node(start: Servers, *options: str) -> Server:
    bus = str(free_port())
    node = start(
        *("--cluster-enabled", "yes", "--cluster-port", bus, "--cluster-node-timeout", "2000"),
        *options,
    )
    node.bus = bus
    return node


def _meet(node: Server, other: Server) -> None:
    if node is not other:
        node.run("CLUSTER", "MEET", "127.0.0.1", other.port, other.bus)


def start_with_tls(start: Servers, *options: str) -> str:
    """Start a server that accepts only TLS, and return its URL with its certificate."""
    certificate, key = write_certificate(start.folder)
    server = Server(start.folder)
    tls = ("--tls-port", str(server.port), "--tls-auth-clients", "no")
    files = ("--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    server.command = (*server.command, "--port", "0", *tls, *files, *options)
    server.url = f"rediss://127.0.0.1:{server.port}/0?ssl_ca_certs={certificate}"
    start._started.append(server)
    server.start()
    return server.url


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for 127.0.0.1 and its key, and return where they are."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokenward tests")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    places = folder / "server.pem", folder / "server-key.pem"
    places[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    places[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return places
