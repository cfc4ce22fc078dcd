"""Router files to resources: every document of every file, read and checked, or one error that says all."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tierrouter_core.errors import ConfigurationError, Problem
from tierrouter_core.resources import provider as provider_kind
from tierrouter_core.resources import router as router_kind
from tierrouter_core.resources.checks import ROUTER_CHECKS, ROUTER_NAME_CHECKS, documents_are_unique, tiers_have_models
from tierrouter_core.resources.fields import Reading, read
from tierrouter_core.resources.findings import as_problems, names_of_items
from tierrouter_core.resources.kinds import did_you_mean
from tierrouter_core.resources.metadata import API_VERSION, GROUP
from tierrouter_core.resources.provider import ModelProvider
from tierrouter_core.resources.provider_checks import PROVIDER_CHECKS
from tierrouter_core.resources.router import TierRouter
from tierrouter_core.resources.yaml_text import RawDocument, parse_yaml

KINDS = (router_kind.KIND, provider_kind.KIND)

ProviderKey = tuple[str, str]
"""``(namespace, name)``; the namespace is empty for a provider that serves every namespace."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resources:
    """What a set of router files says."""

    routers: Mapping[tuple[str, str], TierRouter]
    """By ``(namespace, name)``, in the files' order."""
    providers: Mapping[ProviderKey, ModelProvider]
    """By ``(namespace, name)``, in the files' order."""
    warnings: tuple[str, ...] = ()
    """Documents that were passed over."""

    def one_router(self) -> TierRouter:
        """The only router.

        Raises:
            ConfigurationError: there is none, or there are several.
        """
        if len(self.routers) == 1:
            return next(iter(self.routers.values()))
        names = ", ".join(f"{namespace}/{name}" for namespace, name in self.routers)
        found = f"found {len(self.routers)} TierRouters ({names})" if names else "found no TierRouter"
        raise ConfigurationError([Problem("", "", "", f"{found}, expected exactly one in the files given")])


def find_provider(providers: Mapping[ProviderKey, ModelProvider], namespace: str, name: str) -> ModelProvider | None:
    """The provider that ``name`` means in ``namespace``: that namespace's own, else one that serves all."""
    return providers.get((namespace, name)) or providers.get(("", name))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A document of ours, read."""

    raw: RawDocument
    kind: str
    document: str
    reading: Reading[Any]

    @property
    def name(self) -> str:
        """The name as written; empty where there is none."""
        return self.document.partition("/")[2]


def load_resources(texts: Sequence[tuple[str, str]]) -> Resources:
    """Read router files.

    Args:
        texts: ``(source name, YAML text)`` of each file.

    Raises:
        ConfigurationError: anything is wrong; it holds every problem.
    """
    problems: list[Problem] = []
    documents: list[RawDocument] = []
    for source, text in texts:
        found, wrong = parse_yaml(text, source)
        documents += unfolded(found)
        problems += wrong
    return _load(documents, problems)


def load_documents(documents: Sequence[RawDocument]) -> Resources:
    """Read documents that were parsed elsewhere, such as objects of an API server.

    Raises:
        ConfigurationError: anything is wrong; it holds every problem.
    """
    return _load(documents, [])


def _load(documents: Sequence[RawDocument], problems: list[Problem]) -> Resources:
    """``problems``: what could not even be parsed; they may be what a name means, so names are not resolved then."""
    is_whole = not problems
    warnings: list[str] = []
    entries: list[_Entry] = []
    for raw in documents:
        before = len(problems)
        entry = _read(raw, problems, warnings)
        if entry is not None:
            entries.append(entry)
        elif len(problems) > before:
            is_whole = False
    resources = _collect(entries, problems, warnings)
    problems += _checked(entries, resources, resolve=is_whole)
    if problems:
        raise ConfigurationError(problems)
    return resources


def unfolded(documents: Sequence[RawDocument]) -> Iterator[RawDocument]:
    """The documents, with the items of a ``List`` (as kubectl prints several objects) one by one."""
    for raw in documents:
        items = raw.value.get("items")
        if raw.value.get("apiVersion") == "v1" and raw.value.get("kind") == "List" and isinstance(items, list):
            for index, item in enumerate(items):
                if isinstance(item, dict):
                    yield raw.inner(("items", index))
        else:
            yield raw


def _read(raw: RawDocument, problems: list[Problem], warnings: list[str]) -> _Entry | None:
    version, kind = raw.value.get("apiVersion"), raw.value.get("kind")
    metadata = raw.value.get("metadata")
    name = metadata.get("name") if isinstance(metadata, dict) else None
    document = f"{kind}/{name}" if isinstance(kind, str) and isinstance(name, str) else f"document {raw.index}"
    if not isinstance(version, str) or not isinstance(kind, str):
        key = "kind" if isinstance(version, str) else "apiVersion"
        message = f"is missing or no text; expected apiVersion: {API_VERSION} and kind: {' or '.join(KINDS)}"
        problems.append(Problem(raw.where((key,)), document, key, message))
        return None
    if version.partition("/")[0] != GROUP and kind not in KINDS:
        warnings.append(f"{raw.where(())}: {document}: ignored, for {version} is none of TierRouter's")
        return None
    if version != API_VERSION:
        message = f'found "{version}", expected {API_VERSION}'
        problems.append(Problem(raw.where(("apiVersion",)), document, "apiVersion", message))
        return None
    if kind not in KINDS:
        message = f'found "{kind}", expected {" or ".join(KINDS)}{did_you_mean(kind, KINDS)}'
        problems.append(Problem(raw.where(("kind",)), document, "kind", message))
        return None
    cls: type[Any] = TierRouter if kind == router_kind.KIND else ModelProvider
    reading: Reading[Any] = read(cls, raw, document)
    problems += reading.problems
    return _Entry(raw, kind, document, reading)


def _collect(entries: Sequence[_Entry], problems: list[Problem], warnings: Sequence[str]) -> Resources:
    whole = [(entry, entry.reading.value) for entry in entries if entry.reading.value is not None]
    keys = [(entry.kind, value.metadata.namespace, value.metadata.name) for entry, value in whole]
    for index, message in documents_are_unique(keys):
        entry, _ = whole[index]
        problems.append(Problem(entry.raw.where(("metadata", "name")), entry.document, "metadata.name", message))
    values = {key: value for key, (_, value) in zip(keys, whole, strict=True)}
    return Resources(
        routers={key[1:]: value for key, value in values.items() if isinstance(value, TierRouter)},
        providers={key[1:]: value for key, value in values.items() if isinstance(value, ModelProvider)},
        warnings=tuple(warnings),
    )


def _checked(entries: Sequence[_Entry], resources: Resources, *, resolve: bool) -> Iterator[Problem]:
    """What the checks say of every document that could be read."""
    unread = frozenset(
        entry.name
        for entry in entries
        if entry.kind == provider_kind.KIND and (entry.reading.value is None or entry.reading.tainted)
    )
    known = tuple(resources.providers)

    def find(namespace: str, name: str) -> ModelProvider | None:
        return find_provider(resources.providers, namespace, name)

    for entry in entries:
        value = entry.reading.value
        if isinstance(value, TierRouter):
            findings = [finding for check in ROUTER_CHECKS for finding in check(value)]
            for key, name_check in ROUTER_NAME_CHECKS:
                names = names_of_items(entry.raw, key, entry.reading.tainted)
                if names is not None:
                    findings += name_check(value, names)
            if resolve and "" not in unread:
                findings += tiers_have_models(value, find, known, unread)
        elif isinstance(value, ModelProvider):
            findings = [finding for check in PROVIDER_CHECKS for finding in check(value)]
        else:
            continue
        yield from as_problems(findings, entry.raw, entry.document, entry.reading.tainted)
