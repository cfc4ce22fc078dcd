"""The page on the admin port: a few files of ours, and headers that let a browser load nothing else.

It shows ``/view``. Both are for this machine alone: to see a pod's, forward its port.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

NOT_HERE: Final = (
    "the page and the latest turns are shown on this machine alone; forward the port: "
    "kubectl port-forward POD 9464, then open http://127.0.0.1:9464/"
)
HEADERS: Final[Mapping[str, str]] = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    ),
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the page."""

    content_type: str
    body: bytes

    def answer(self) -> web.Response:
        """With the headers that keep it to itself."""
        return web.Response(body=self.body, content_type=self.content_type, charset="utf-8", headers=dict(HEADERS))


def _read(name: str, content_type: str) -> File:
    return File(content_type, (Path(__file__).parent / name).read_bytes())


PAGE: Final[Mapping[str, File]] = {
    "/": _read("index.html", "text/html"),
    "/page.css": _read("page.css", "text/css"),
    "/page.js": _read("page.js", "text/javascript"),
    "/icon.svg": _read("icon.svg", "image/svg+xml"),
}
"""By path."""
