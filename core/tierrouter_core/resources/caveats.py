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
        *_for_clusters_alone(router.spec),
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


def _for_clusters_alone(spec: RouterSpec) -> Iterator[str]:
    """Fields that the operator acts on and a router on one machine does not."""
    local = spec.local_model
    rests = {
        "spec.rollout": "no regression run makes a revision here" if spec.rollout else "",
        "spec.localModel": "no Ollama is started here, run it yourself" if local and local.runtime == "Ollama" else "",
        "spec.pinnedRevision": "the file itself is what is in force" if spec.pinned_revision else "",
    }
    for path, instead in rests.items():
        if instead:
            yield f"{path} acts in a cluster alone: {instead}"
