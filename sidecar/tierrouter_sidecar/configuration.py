"""Where the configuration comes from, and when it has changed.

Two sources: router files as a user writes them (``tierrouter run -f``), compiled here by the same function that the
operator calls; and a mounted ConfigMap with the compiled documents (``stable.json``, ``canary.json``), resolved through
its ``..data`` link once, so that one bundle is never read half from before and half from after a swap.
"""

import contextlib
import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from tierrouter_core.contract import CANARY_FILE, SPLIT_FILE, STABLE_FILE
from tierrouter_core.document.codec import named_document_from_bytes
from tierrouter_core.errors import ConfigurationError, DocumentError, Problem
from tierrouter_sidecar.canary_file import with_canary
from tierrouter_sidecar.compiling import CompileProcess
from tierrouter_sidecar.loaded import Loaded

log = logging.getLogger("tierrouter")

LAST_GOOD_FILE = "last-good.json"
STDIN: Final = Path("-")
Fingerprint = tuple[tuple[str, int, int, int], ...]


class Source(Protocol):
    """Somewhere that a document can be read from, again and again."""

    def fingerprint(self) -> Fingerprint:
        """Changes when the configuration may have changed; cheap."""

    def load(self) -> Loaded:
        """Read and validate; raises a TierRouterError that says what is wrong."""


def _stat(path: Path) -> tuple[str, int, int, int]:
    try:
        stat = path.stat()
    except OSError:
        return (str(path), 0, 0, 0)
    return (str(path), stat.st_ino, stat.st_mtime_ns, stat.st_size)


def read_texts(paths: Sequence[Path], stdin: BinaryIO | None = None) -> list[tuple[str, str]]:
    """The files' texts with the names that the user gave them; raises ConfigurationError for all unreadable ones.

    ``stdin``: what ``-`` means; None where a command reads no router file from there.
    """
    texts, problems = [], []
    for path in paths:
        piped = stdin if path == STDIN else None
        name = str(path) if piped is None else "stdin"
        try:
            texts.append((name, (path.read_bytes() if piped is None else piped.read()).decode("utf-8-sig")))
        except UnicodeDecodeError as error:
            problems.append(
                Problem(name, "", "", f"not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}")
            )
        except OSError as error:
            problems.append(Problem(name, "", "", f"can't be read: {error.strerror or error}{_instead_of(path)}"))
    if problems:
        raise ConfigurationError(problems)
    return texts


def _instead_of(path: Path) -> str:
    """What to do where something was named that router files are not read from."""
    if path == STDIN:
        return "; only tierrouter compile reads stdin"
    if path.parts[:1] in (("http:",), ("https:",)):
        return "; addresses are not fetched, download it and name the file"
    return ""


class RouterFiles:
    """YAML files with one TierRouter and its ModelProviders, compiled in a child process."""

    def __init__(self, paths: Sequence[Path], price_cache_dir: Path | None) -> None:
        self._paths = tuple(paths)
        self._price_cache_dir = price_cache_dir
        self._begun: CompileProcess | None = None
        self._begun_of: Fingerprint | None = None

    def begin(self) -> None:
        """Start compiling for the first :meth:`load`, while the caller does something else."""
        self._begun_of = self.fingerprint()
        self._begun = self._compile()

    def _compile(self) -> CompileProcess:
        return CompileProcess(read_texts(self._paths), self._price_cache_dir)

    def fingerprint(self) -> Fingerprint:
        """The files' inodes, times and sizes: an editor's rename changes them as a write does."""
        # What is changed while it is compiled must be seen as a change afterwards.
        begun_of, self._begun_of = self._begun_of, None
        return begun_of or tuple(_stat(path) for path in self._paths)

    def load(self) -> Loaded:
        """Read, check and compile."""
        compiling, self._begun = self._begun or self._compile(), None
        return compiling.result()


class RouterText:
    """A router that is part of TierRouter itself (the embedded one): it never changes."""

    def __init__(self, text: str, name: str) -> None:
        self._compiling = CompileProcess([(name, text)], None)

    def fingerprint(self) -> Fingerprint:
        """Always the same."""
        return ()

    def load(self) -> Loaded:
        """Check and compile."""
        return self._compiling.result()


class MountedBundle:
    """A mounted ConfigMap that holds the compiled document, and the one that is tried beside it."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def _resolved(self) -> Path:
        data = self._directory / "..data"
        return data.resolve() if data.is_symlink() else self._directory

    def fingerprint(self) -> Fingerprint:
        """Where ``..data`` points, and the files' own times for a folder without one."""
        folder = self._resolved()
        return tuple(_stat(folder / name) for name in (STABLE_FILE, CANARY_FILE, SPLIT_FILE))

    def load(self) -> Loaded:
        """Read the bundle; an empty or missing stable document is an error, never a configuration."""
        folder = self._resolved()
        file = folder / STABLE_FILE
        try:
            text = file.read_bytes()
        except OSError as error:
            raise DocumentError(f"{file}: can't be read: {error.strerror or error}") from None
        document, revision = named_document_from_bytes(text)
        return with_canary(Loaded(document, revision, (), text), folder)


class LastGood:
    """The document that was served last, in the state folder: for a restarted sidecar whose mounted one is unusable."""

    def __init__(self, state_dir: Path, router: str) -> None:
        """``router``: the only one whose document is of use here; empty for any."""
        self._file = state_dir / LAST_GOOD_FILE
        self._router = router

    def save(self, loaded: Loaded) -> None:
        """Keep a document that is in force; a folder that can't be written costs a line in the log, nothing else."""
        new = self._file.with_suffix(".new")
        try:
            with contextlib.suppress(FileNotFoundError):
                if self._file.read_bytes() == loaded.text:
                    return
            with new.open("wb") as file:
                file.write(loaded.text)
                file.flush()
                # Without this a machine that stops may leave an empty file under the new name.
                os.fsync(file.fileno())
            new.replace(self._file)
        except OSError as error:
            log.warning("a restart could not fall back to this configuration: %s: %s", self._file, error.strerror)

    def load(self) -> Loaded | None:
        """What was kept; None where there is nothing of use."""
        try:
            text = self._file.read_bytes()
            document, revision = named_document_from_bytes(text)
        except FileNotFoundError:
            return None
        except (OSError, DocumentError) as error:
            log.warning("the configuration kept in %s is of no use: %s", self._file, error)
            return None
        if self._router and document.router != self._router:
            log.warning("the configuration kept in %s is that of router %s", self._file, document.router)
            return None
        return Loaded(document, revision, (), text)
