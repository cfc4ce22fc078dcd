"""Starts and stops a control plane: etcd, the API server, the controller manager; about five seconds.

No nodes and no scheduler: Pods are stored and stay pending. What controllers do (garbage collection, namespaces,
service accounts, Deployments to ReplicaSets to Pods) is Kubernetes' own.
"""

import base64
import secrets
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from control_plane.access import write_kubeconfig
from control_plane.audit import AuditLog
from control_plane.binaries import ControlPlaneFailed

_READY_S = 60
# Controllers for nodes and volumes have nothing to do here.
_CONTROLLERS = "*,-node-ipam-controller,-node-lifecycle-controller,-taint-eviction-controller,-service-lb-controller"
# Reads until the pipe closes, which the system does also for a process that was killed.
_KEEP = 'cat >/dev/null; kill -s KILL -- "-$1"; rm -rf -- "$2"'
_AUDIT_POLICY = """
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules: [{level: Metadata}]
"""


@dataclass(frozen=True)
class Cluster:
    """A cluster for tests. `audit`, `ca_file` and `folder` belong to an own one, not to one that was named."""

    kubeconfig: Path
    audit: AuditLog | None = None
    ca_file: Path | None = None
    folder: Path | None = None


@contextmanager
def start(programs: Path) -> Iterator[Cluster]:
    """A control plane from the programs in `programs`, gone with all its data afterwards.

    Raises ControlPlaneFailed.
    """
    folder = Path(tempfile.mkdtemp(prefix="tierrouter-kube-"))
    processes = _Processes(folder)
    try:
        yield _start(programs, folder, processes)
    finally:
        processes.stop()


def _start(programs: Path, folder: Path, processes: "_Processes") -> Cluster:
    etcd_port, peer_port, api_port = _free_ports(3)
    etcd, peer = f"http://127.0.0.1:{etcd_port}", f"http://127.0.0.1:{peer_port}"
    server = f"https://127.0.0.1:{api_port}"
    certificates = folder / "certificates"
    ca_file = certificates / "apiserver.crt"  # the API server makes it, with the authority that signed it inside
    account_key = folder / "service-accounts.key"
    account_key.write_text(_elliptic_key())
    (folder / "audit-policy.yaml").write_text(_AUDIT_POLICY)
    admin, manager = secrets.token_hex(16), secrets.token_hex(16)
    (folder / "tokens.csv").write_text(
        f"{admin},admin,admin,system:masters\n{manager},system:kube-controller-manager,manager,\n"
    )
    processes.run(
        "etcd",
        programs / "etcd",
        f"--data-dir={folder}/etcd",
        f"--listen-client-urls={etcd}",
        f"--advertise-client-urls={etcd}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
        "--unsafe-no-fsync",
    )
    processes.run(
        "kube-apiserver",
        programs / "kube-apiserver",
        f"--etcd-servers={etcd}",
        f"--cert-dir={certificates}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={api_port}",
        "--service-cluster-ip-range=10.0.0.0/24",
        "--endpoint-reconciler-type=none",  # an address of loopback can't be an endpoint
        "--authorization-mode=RBAC",
        f"--token-auth-file={folder}/tokens.csv",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={account_key}",
        f"--service-account-signing-key-file={account_key}",
        f"--audit-policy-file={folder}/audit-policy.yaml",
        f"--audit-log-path={folder}/audit.log",
        "--audit-log-maxsize=100000",  # MB: a mark is a place in one file, which is not to be rotated
    )
    processes.wait("kube-apiserver", lambda: ca_file.exists() and _get(f"{server}/readyz", ca_file, admin))
    processes.run(
        "kube-controller-manager",
        programs / "kube-controller-manager",
        "--kubeconfig="
        + str(write_kubeconfig(folder / "manager.kubeconfig", server=server, ca_file=ca_file, token=manager)),
        "--bind-address=127.0.0.1",
        "--secure-port=0",
        "--leader-elect=false",
        f"--controllers={_CONTROLLERS}",
        "--use-service-account-credentials=true",
        f"--service-account-private-key-file={account_key}",
        f"--root-ca-file={ca_file}",
        "--kube-api-qps=500",
        "--kube-api-burst=1000",
    )
    account = f"{server}/api/v1/namespaces/default/serviceaccounts/default"
    processes.wait("kube-controller-manager", lambda: _get(account, ca_file, admin))
    kubeconfig = write_kubeconfig(folder / "kubeconfig", server=server, ca_file=ca_file, token=admin)
    return Cluster(kubeconfig, AuditLog(folder / "audit.log"), ca_file, folder)


class _Processes:
    """Programs in one process group, and a shell that kills the group when this process ends in whatever way."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._keeper: subprocess.Popen[bytes] | None = None

    def run(self, name: str, *command: str | Path) -> None:
        first = next(iter(self._running.values()), None)
        with (self._folder / f"{name}.log").open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                process_group=first.pid if first else 0,
            )
        if first is None:
            self._keeper = subprocess.Popen(
                ["/bin/sh", "-c", _KEEP, "keeper", str(self._running[name].pid), str(self._folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )

    def wait(self, name: str, is_ready: Callable[[], bool]) -> None:
        end = time.monotonic() + _READY_S
        while not is_ready():
            ended = [f"{n} ended with {p.returncode}" for n, p in self._running.items() if p.poll() is not None]
            if ended or time.monotonic() > end:
                why = ", ".join(ended) or f"{name} is not ready after {_READY_S} s"
                raise ControlPlaneFailed(f"{why}\n" + "\n".join(self._tail(n) for n in self._running))
            time.sleep(0.05)

    def _tail(self, name: str) -> str:
        lines = (self._folder / f"{name}.log").read_text(errors="replace").splitlines()
        return "\n".join([f"--- {name}", *lines[-15:]])

    def stop(self) -> None:
        if self._keeper is not None:
            assert self._keeper.stdin is not None
            self._keeper.stdin.close()
            self._keeper.wait()
        for process in self._running.values():
            process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)


def _free_ports(count: int) -> list[int]:
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in held]
    for each in held:
        each.close()
    return ports


def _get(url: str, ca_file: Path, token: str) -> bool:
    """Whether there is a good answer. It goes to 127.0.0.1, past any proxy of the environment."""
    with suppress(urllib.error.URLError, ConnectionError, TimeoutError, ssl.SSLError):
        tls = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=ca_file))
        opener = urllib.request.build_opener(tls, urllib.request.ProxyHandler({}))
        request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})
        with opener.open(request, timeout=5) as answer:
            return answer.status == 200
    return False


def _elliptic_key() -> str:
    """A fresh P-256 key as PEM (RFC 5915; the public half may be left out), to sign service account tokens."""
    secret = b"\0" + secrets.token_bytes(31)  # below the order of the curve
    der = bytes.fromhex("30310201010420") + secret + bytes.fromhex("a00a06082a8648ce3d030107")
    return f"-----BEGIN EC PRIVATE KEY-----\n{base64.b64encode(der).decode()}\n-----END EC PRIVATE KEY-----\n"
