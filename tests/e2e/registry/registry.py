"""A registry that Ollama can pull one model from, by its own protocol: manifests and blobs, with ranges and redirects.

It serves ``library/smollm2:135m`` on port 5000, as slowly as a registry far away, and prints a line for each request.
"""

import hashlib
import json
import re
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_WEIGHTS = Path("/srv/model.gguf")
_OCTETS_PER_S = 8 << 20
_CHUNK = 1 << 18
_TEMPLATE = b"{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}<|im_start|>assistant\n"
_CONFIG = json.dumps(
    {
        "model_format": "gguf",
        "model_family": "llama",
        "model_families": ["llama"],
        "model_type": "134.52M",
        "file_type": "Q4_1",
        "architecture": "amd64",
        "os": "linux",
    }
).encode()


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class Registry(BaseHTTPRequestHandler):
    """Answers of the registry."""

    protocol_version = "HTTP/1.1"
    blobs: dict[str, bytes]
    manifest: bytes

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        if self.path == "/v2/library/smollm2/manifests/135m":
            self._send(200, self.manifest, with_body=with_body)
        elif (name := self.path.rpartition("/")[2]) in self.blobs:
            self._send_blob(name, with_body=with_body)
        else:
            error = {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown"}]}
            self._send(404, json.dumps(error).encode(), with_body=with_body)

    def _send_blob(self, name: str, *, with_body: bool) -> None:
        content = self.blobs[name]
        if with_body and self.path.startswith("/v2/"):
            # Ollama takes blobs only from another host than the registry itself.
            self._send(307, b"", with_body=False, headers={"Location": f"http://registry:5000/{name}"})
            return
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if found is None:
            self._send(200, content, with_body=with_body)
            return
        first, last = int(found[1]), int(found[2] or len(content) - 1)
        headers = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        self._send(206, content[first : last + 1], with_body=with_body, headers=headers)

    def _send(self, status: int, content: bytes, *, with_body: bool, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if with_body:
            for at in range(0, len(content), _CHUNK):
                self.wfile.write(content[at : at + _CHUNK])
                if len(content) > _CHUNK:
                    time.sleep(_CHUNK / _OCTETS_PER_S)


def main() -> None:
    """Serve until killed."""
    weights = _WEIGHTS.read_bytes()
    kinds = {"model": weights, "template": _TEMPLATE}
    Registry.blobs = {digest_of(content): content for content in (*kinds.values(), _CONFIG)}

    def entry(media_type: str, content: bytes) -> dict[str, object]:
        return {"mediaType": media_type, "digest": digest_of(content), "size": len(content)}

    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "config": entry("application/vnd.docker.container.image.v1+json", _CONFIG),
        "layers": [entry(f"application/vnd.ollama.image.{kind}", content) for kind, content in kinds.items()],
    }
    Registry.manifest = json.dumps(manifest).encode()
    ThreadingHTTPServer(("", 5000), Registry).serve_forever()


if __name__ == "__main__":
    main()
