"""How to reach a cluster, and the guard: tests never touch a cluster that is not made for tests."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes.aio.client import Configuration
from kubernetes.aio.config import load_kube_config


class ForeignCluster(Exception):
    """A kubeconfig's current context is not one of kind's."""


@dataclass(frozen=True)
class Access:
    """What a client of the API server needs; `token` or a certificate in `tls` says who it is."""

    server: str
    tls: ssl.SSLContext
    token: str | None


def current_context(kubeconfig: Path) -> str:
    """The name of the context in use. Raises ForeignCluster unless it begins with ``kind-``."""
    context = (yaml.safe_load(kubeconfig.read_text()) or {}).get("current-context") or ""
    if not context.startswith("kind-"):
        raise ForeignCluster(
            f"{kubeconfig}: the current context is {context!r}; tests create and delete objects, so they only run in "
            "one whose name begins with 'kind-'"
        )
    return context


async def read_kubeconfig(kubeconfig: Path) -> Access:
    """Whoever the kubeconfig's current context says. Raises ForeignCluster."""
    current_context(kubeconfig)
    found = Configuration()
    await load_kube_config(config_file=str(kubeconfig), client_configuration=found, persist_config=False)
    tls = ssl.create_default_context(cafile=found.ssl_ca_cert)
    if found.cert_file:
        tls.load_cert_chain(found.cert_file, found.key_file)
    bearer = found.api_key.get("BearerToken", "")
    return Access(found.host, tls, bearer.removeprefix("Bearer ") or None)


def write_kubeconfig(path: Path, *, server: str, ca_file: Path, token: str, context: str = "kind-test") -> Path:
    """A kubeconfig of one context; returns `path`."""
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "test", "cluster": {"server": server, "certificate-authority": str(ca_file)}}],
        "users": [{"name": "test", "user": {"token": token}}],
        "contexts": [{"name": context, "context": {"cluster": "test", "user": "test"}}],
        "current-context": context,
    }
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(document))
    return path
