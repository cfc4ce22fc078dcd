"""The certificate that is served: found, renewed where that is our work, and taken into use without a restart."""

import asyncio
import base64
import logging
import ssl
import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol

from tierrouter_operator.client import Client
from tierrouter_operator.errors import AlreadyExistsError, ApiError, ConflictError, NotFoundError, OperatorError
from tierrouter_operator.planning.kinds import SECRET
from tierrouter_operator.webhook.authority import CA_CERTIFICATES, CERTIFICATE, KEY, Files, Lifetimes, expiry, renewed
from tierrouter_operator.webhook.metrics import WebhookMetrics
from tierrouter_operator.webhook.settings import SelfManaged

log = logging.getLogger("tierrouter.webhook")

_API: Final = "/apis/admissionregistration.k8s.io/v1"
CONFIGURATIONS: Final = {
    "MutatingWebhookConfiguration": "mutatingwebhookconfigurations",
    "ValidatingWebhookConfiguration": "validatingwebhookconfigurations",
}
_TRIES: Final = 5
_AT_FIRST_S: Final = 1.0


class CertificateSource(Protocol):
    """Where a certificate comes from."""

    async def current(self) -> Files:
        """``tls.crt`` and ``tls.key``, as PEM; raises OperatorError where there are none."""


class CertificateFolder:
    """A mounted Secret that somebody else renews (cert-manager)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def current(self) -> Files:
        """Both files, of the same version."""
        data = (self._folder / "..data").resolve() if (self._folder / "..data").is_symlink() else self._folder
        try:
            return {name: (data / name).read_bytes() for name in (CERTIFICATE, KEY)}
        except OSError as error:
            raise OperatorError(f"no certificate: {error.filename}: {error.strerror}") from None


class CertificateKeeper:
    """Certificates that we make, in a Secret that all replicas share, and that the API server is told of."""

    def __init__(
        self,
        client: Client,
        settings: SelfManaged,
        lifetimes: Lifetimes | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._settings = settings
        self._lifetimes = lifetimes or Lifetimes()
        self._now = now
        host = f"{settings.service}.{settings.namespace}"
        self._names: Sequence[str] = (f"{host}.svc", host, f"{host}.svc.cluster.local")

    async def current(self) -> Files:
        """Renew what is due, tell the API server whom to trust, then give the leaf."""
        for _ in range(_TRIES):
            try:
                files = await self._renew()
                break
            except (ConflictError, AlreadyExistsError):
                # Another replica was faster: what it made is as good.
                continue
        else:
            raise OperatorError(f"Secret {self._settings.secret} is changed all the time by somebody else")
        for kind in CONFIGURATIONS:
            await self._publish(kind, files[CA_CERTIFICATES])
        return files

    async def _renew(self) -> Files:
        place, name = SECRET.path(self._settings.namespace), self._settings.secret
        try:
            found: Mapping[str, Any] | None = await self._client.get(f"{place}/{name}")
        except NotFoundError:
            found = None
        before = {key: base64.b64decode(text) for key, text in ((found or {}).get("data") or {}).items()}
        files = renewed(before, self._names, self._now(), self._lifetimes)
        if files == before:
            return files
        data = {key: base64.b64encode(value).decode() for key, value in files.items()}
        metadata: dict[str, Any] = {"name": name, "namespace": self._settings.namespace}
        body = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque", "metadata": metadata, "data": data}
        if found is None:
            await self._client.create(place, body)
        else:
            await self._client.replace(
                f"{place}/{name}", {**body, "metadata": found["metadata"], "type": found["type"]}
            )
        log.info("certificates were renewed; the new one ends on %s", expiry(files[CERTIFICATE]))
        return files

    async def _publish(self, kind: str, trusted: bytes) -> None:
        name = self._settings.configuration
        path = f"{_API}/{CONFIGURATIONS[kind]}/{name}"
        try:
            found = await self._client.get(path)
        except NotFoundError:
            log.warning("there is no %s %s; nobody will call this webhook for it", kind, name)
            return
        bundle = base64.b64encode(trusted).decode()
        if all(each["clientConfig"].get("caBundle") == bundle for each in found.get("webhooks") or ()):
            return
        webhooks = [{"name": each["name"], "clientConfig": {"caBundle": bundle}} for each in found["webhooks"]]
        identity = {"name": name, "uid": found["metadata"]["uid"]}
        body = {
            "apiVersion": f"{_API.removeprefix('/apis/')}",
            "kind": kind,
            "metadata": identity,
            "webhooks": webhooks,
        }
        await self._client.apply(path, body)


class ServedCertificate:
    """The TLS context of the server. A connection keeps what it began with; the next one gets the newest."""

    def __init__(self, source: CertificateSource, metrics: WebhookMetrics) -> None:
        self._source = source
        self._metrics = metrics
        self._loaded: Files = {}
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.problem = "there is no certificate yet"
        """Why there is none, or why it can't be renewed; empty when all is well."""

    @property
    def is_there(self) -> bool:
        """Whether anything can be served."""
        return bool(self._loaded)

    async def keep(self, check_s: float) -> None:
        """Look at the source until cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(check_s if self.is_there else min(check_s, _AT_FIRST_S))

    async def refresh(self) -> None:
        """Take the source's certificate into use; what can't be had is told once, and the old one stays."""
        try:
            files = await self._source.current()
            leaf = {name: files[name] for name in (CERTIFICATE, KEY)}
            if leaf != self._loaded:
                self._load(leaf)
        except (ApiError, OperatorError) as error:
            if str(error) != self.problem:
                log.warning("%s", error)
            self.problem = str(error)
        else:
            self.problem = ""

    def _load(self, leaf: Files) -> None:
        # ssl reads files only. A folder of our own is readable by nobody else, and gone right after.
        with tempfile.TemporaryDirectory(prefix="tierrouter-") as folder:
            for name, data in leaf.items():
                (Path(folder) / name).write_bytes(data)
            try:
                self.context.load_cert_chain(Path(folder) / CERTIFICATE, Path(folder) / KEY)
            except (ssl.SSLError, OSError) as error:
                raise OperatorError(f"the certificate can't be used: {error}") from None
        self._loaded = leaf
        self._metrics.certificate_loads.inc()
        ends = expiry(leaf[CERTIFICATE])
        if ends is not None:
            self._metrics.certificate_expiry.set(ends.timestamp())
