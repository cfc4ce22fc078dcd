"""Several router files at once, each a router of its own, with the providers of all."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tierrouter_core.document.model import Baseline, Document
from tierrouter_core.errors import TierRouterError
from tierrouter_core.resources import provider as provider_kind
from tierrouter_core.resources import router as router_kind
from tierrouter_core.resources.compile import compile_router, needs_prices
from tierrouter_core.resources.load import Resources, load_documents, load_resources
from tierrouter_core.resources.yaml_text import RawDocument, parse_yaml
from tierrouter_prices.lookup import lookup_prices
from tierrouter_sidecar.configuration import read_texts


class ReplayError(TierRouterError):
    """What can't be replayed as it was asked for."""


@dataclass(frozen=True, slots=True)
class RouterFile:
    """One router, compiled."""

    label: str
    """Its name where it is the only one, else that of its file."""
    document: Document
    warnings: tuple[str, ...]


def load_routers(paths: Sequence[Path], cache_dir: Path | None) -> list[RouterFile]:
    """Compile the router of each file that has one.

    A provider that a file lacks is taken from the others, so that a variant of a router may be a file with the router
    alone.

    Raises:
        ConfigurationError: with every problem of the files.
    """
    texts = read_texts(paths)
    parsed = [parse_yaml(text, source) for source, text in texts]
    having_router = [at for at, (documents, _) in enumerate(parsed) if _of_kind(documents, router_kind.KIND)]
    problems = [problem for _, found in parsed for problem in found]
    if problems or len(having_router) < 2:
        # One router, or none: read as every other command reads it.
        return [_compiled(load_resources(texts), cache_dir, "")]
    labels = _labels([paths[at] for at in having_router])
    found = []
    for label, at in zip(labels, having_router, strict=True):
        own = parsed[at][0]
        others = [document for other, (documents, _) in enumerate(parsed) if other != at for document in documents]
        found.append(_compiled(load_documents([*own, *_lacking(own, others)]), cache_dir, label))
    return found


def with_baseline(document: Document, name: str, cache_dir: Path | None, on_warning: Callable[[str], None]) -> Document:
    """``document`` with another baseline model: one of its own, else one that genai-prices knows."""
    for provider in document.providers.values():
        for model in provider.models.values():
            if name in (model.name, model.id):
                ttl_ms, min_tokens = model.cache_ttl_ms, model.cache_min_tokens
                baseline = Baseline(model=name, price=model.price, cache_ttl_ms=ttl_ms, cache_min_tokens=min_tokens)
                return replace(document, baseline=baseline)
    wanted = ("", "", name)
    price = lookup_prices([wanted], cache_dir, on_warning).get(wanted)
    if price is None:
        known = sorted({model.name for provider in document.providers.values() for model in provider.models.values()})
        raise ReplayError(
            f"--baseline {name}: no price is known; name a model of the router file ({', '.join(known)}) or one that "
            "genai-prices knows, as its maker calls it"
        )
    return replace(document, baseline=Baseline(model=name, price=price))


def _compiled(resources: Resources, cache_dir: Path | None, label: str) -> RouterFile:
    router = resources.one_router()
    wanted = needs_prices(router, resources.providers)
    prices = lookup_prices(wanted, cache_dir) if wanted else {}
    compiled = compile_router(router, resources.providers, lambda *asked: prices.get(asked))
    warnings = (*resources.warnings, *compiled.warnings)
    return RouterFile(label or compiled.document.router, compiled.document, warnings)


def _of_kind(documents: Sequence[RawDocument], kind: str) -> list[RawDocument]:
    return [document for document in documents if document.value.get("kind") == kind]


def _lacking(own: Sequence[RawDocument], others: Sequence[RawDocument]) -> list[RawDocument]:
    """The providers of other files that a file has not, each once."""
    known = {_key(document) for document in _of_kind(own, provider_kind.KIND)}
    lacking = []
    for document in _of_kind(others, provider_kind.KIND):
        if _key(document) not in known:
            known.add(_key(document))
            lacking.append(document)
    return lacking


def _key(document: RawDocument) -> str:
    metadata = document.value.get("metadata")
    values = metadata if isinstance(metadata, dict) else {}
    return f"{values.get('namespace', '')}/{values.get('name', '')}"


def _labels(paths: Sequence[Path]) -> list[str]:
    """File names without their ending, or whole paths where these would be the same."""
    stems = [path.stem for path in paths]
    return [str(path) if stems.count(path.stem) > 1 else path.stem for path in paths]
