"""The canary of a mounted bundle. Whatever is wrong with it, the stable document is served."""

from dataclasses import replace
from pathlib import Path

from tierrouter_core.contract import CANARY_FILE, SPLIT_FILE
from tierrouter_core.document.codec import named_document_from_bytes
from tierrouter_core.errors import DocumentError
from tierrouter_core.rollout.split import Split, split_from_bytes
from tierrouter_sidecar.loaded import Loaded


def with_canary(stable: Loaded, folder: Path) -> Loaded:
    """``stable`` with what ``folder`` holds beside it: the split, and the canary; or why that is left out."""
    split: Split | None = None
    try:
        text = _read(folder / SPLIT_FILE)
        split = None if text is None else split_from_bytes(text)
        return replace(stable, split=split, canary=_canary(stable, folder / CANARY_FILE, split))
    except DocumentError as error:
        return replace(stable, split=split, canary_refused=f"the canary is left out: {error}")


def _canary(stable: Loaded, file: Path, split: Split | None) -> Loaded | None:
    text = _read(file)
    if text is None:
        return None
    if split is None:
        raise DocumentError(f"{file} is there without {SPLIT_FILE}, which says how many sessions try it")
    document, revision = named_document_from_bytes(text)
    of, wanted = (document.namespace, document.router), (stable.document.namespace, stable.document.router)
    if of != wanted:
        raise DocumentError(f"{file} is of router {'/'.join(of)}, the stable document of {'/'.join(wanted)}")
    # What has become the stable one is no canary any more.
    return None if revision == stable.revision else Loaded(document, revision, (), text)


def _read(file: Path) -> bytes | None:
    """The file's content; None where there is none."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DocumentError(f"{file}: can't be read: {error.strerror or error}") from None
