"""Compiles router files to the configuration document, in this process or in a child.

A running sidecar uses the child (``python -m tierrouter_sidecar.compiling``): YAML, the checks of a user's file and the
price book are needed once per change, so they need not stay in the memory of the process that agents wait for, and at
the start they load on another core while the server loads on this one. What comes back is the same document that the
operator would mount, read by the same code.
"""

import contextlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import orjson

from tierrouter_core.document.codec import document_to_bytes, named_document_from_bytes, revision_name
from tierrouter_core.errors import ConfigurationError, Problem, TierRouterError
from tierrouter_sidecar.loaded import Loaded

_PATIENCE_S = 60.0

Texts = Sequence[tuple[str, str]]
"""``(name to show, YAML)`` of each file."""


def compile_texts(texts: Texts, price_cache_dir: Path | None) -> Loaded:
    """Compile here, with prices looked up for models that have none.

    Raises:
        ConfigurationError: with every problem of the texts.
    """
    # Not at the top: the parent of a child imports this module too, and must not pay for these.
    from tierrouter_core.resources.compile import compile_router, needs_prices
    from tierrouter_core.resources.load import load_resources
    from tierrouter_prices.lookup import lookup_prices

    resources = load_resources(texts)
    router = resources.one_router()
    wanted = needs_prices(router, resources.providers)
    prices = lookup_prices(wanted, price_cache_dir) if wanted else {}
    compiled = compile_router(router, resources.providers, lambda *asked: prices.get(asked))
    text = document_to_bytes(compiled.document)
    return Loaded(compiled.document, revision_name(compiled.document), (*resources.warnings, *compiled.warnings), text)


class CompileProcess:
    """A compilation under way in a child process."""

    def __init__(self, texts: Texts, price_cache_dir: Path | None) -> None:
        """Start it."""
        request = {"texts": [list(text) for text in texts], "cache": price_cache_dir and str(price_cache_dir)}
        self._request = orjson.dumps(request)
        self._child = subprocess.Popen(
            # -P: a file in the current folder must not stand in for a module.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert self._child.stdin is not None
        # Small enough for a pipe or not, the child reads all of it before it writes anything.
        # A child that has died already has said why, and result() reads that.
        with contextlib.suppress(BrokenPipeError), self._child.stdin as pipe:
            pipe.write(self._request)
        self._child.stdin = None

    def result(self) -> Loaded:
        """Wait for it; raises what :func:`compile_texts` raises."""
        try:
            out, err = self._child.communicate(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.communicate()
            raise TierRouterError(f"compiling the router took more than {_PATIENCE_S:g} s and was given up") from None
        try:
            answer = orjson.loads(out)
        except orjson.JSONDecodeError:
            last = err.decode(errors="replace").strip().rpartition("\n")[2]
            why = last or f"it ended with status {self._child.returncode} and said nothing"
            raise TierRouterError(f"the process that compiles the router failed: {why}") from None
        if "problems" in answer:
            raise ConfigurationError([Problem(*problem) for problem in answer["problems"]])
        if "error" in answer:
            raise TierRouterError(answer["error"])
        text = answer["document"].encode()
        document, revision = named_document_from_bytes(text)
        return Loaded(document, revision, tuple(answer["warnings"]), text)


def main() -> None:
    """The child: a request on stdin, an answer on stdout."""
    request = orjson.loads(sys.stdin.buffer.read())
    cache = Path(request["cache"]) if request["cache"] else None
    answer: dict[str, object]
    try:
        loaded = compile_texts([(name, text) for name, text in request["texts"]], cache)
    except ConfigurationError as error:
        problems = [[problem.source, problem.document, problem.path, problem.message] for problem in error.problems]
        answer = {"problems": problems}
    except TierRouterError as error:
        answer = {"error": str(error)}
    else:
        answer = {"document": loaded.text.decode(), "warnings": list(loaded.warnings)}
    sys.stdout.buffer.write(orjson.dumps(answer))


if __name__ == "__main__":
    main()
