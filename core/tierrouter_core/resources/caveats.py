"""What works otherwise than a router's files may lead one to expect, said plainly when it is compiled."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from tierrouter_core.document.model import Document
from tierrouter_core.resources.router import RouterSpec, TierRouter


def warnings_of(router: TierRouter, document: Document) -> Iterator[str]:
    """Every warning, a sentence each."""
    name = f"TierRouter/{document.router}"
    for text in (
        *_without_price(document),
        *_addresses_without_path(document),
        *_not_acted_on_yet(router.spec),
    ):
        yield f"{name}: {text}"


def _without_price(document: Document) -> Iterator[str]:
    for provider in document.providers.values():
        for model in provider.models.values():
            if model.price is None:
                yield (
                    f"no price is known for the model {model.name} of {provider.name}: its cost will be empty; "
                    "give it priceUSDPerMTok"
                )
    if document.baseline is not None and document.baseline.price is None:
        yield (
            f"no price is known for baselineModel {document.baseline.model}: no saving can be reported; name a model "
            "of a ModelProvider that has priceUSDPerMTok"
        )


def _addresses_without_path(document: Document) -> Iterator[str]:
    for provider in document.providers.values():
        if not urlsplit(provider.base_url).path.strip("/"):
            yield (
                f"baseURL of {provider.name}, {provider.base_url}, has no path: endpoint paths are appended without "
                f"a version, so most providers need {provider.base_url}/v1"
            )


def _not_acted_on_yet(spec: RouterSpec) -> Iterator[str]:
    """Fields that are read and checked though nothing acts on them. Take a line out when something does."""
    local = spec.local_model
    rests = {
        "spec.rollout": "outside of a cluster no regression run makes a revision" if spec.rollout else "",
        "spec.localModel": "outside of a cluster no Ollama is started, run it yourself"
        if local and local.runtime == "Ollama"
        else "",
        "spec.pinnedRevision": "the file itself is what is in force" if spec.pinned_revision else "",
    }
    for path, instead in rests.items():
        if instead:
            yield f"{path} is read but not acted on by this version: {instead}"
