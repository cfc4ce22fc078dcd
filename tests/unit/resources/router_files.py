"""Small router files for tests: a whole one that is right, and ways to change one spot of it."""

import copy
from pathlib import Path
from typing import Any

import yaml

from tierrouter_core.errors import ConfigurationError
from tierrouter_core.resources.load import Resources, load_resources

ROOT = Path(__file__).parents[3]
CODING = (ROOT / "examples" / "coding.yaml").read_text()

ROUTER: dict[str, Any] = {
    "apiVersion": "tierrouter.dev/v1alpha1",
    "kind": "TierRouter",
    "metadata": {"name": "coding"},
    "spec": {
        "tiers": [
            {"name": "routine", "rank": 1, "model": "small", "provider": "vendor"},
            {"name": "deep", "rank": 2, "model": "large", "provider": "vendor"},
        ],
        "defaultTier": "routine",
    },
}
PROVIDER: dict[str, Any] = {
    "apiVersion": "tierrouter.dev/v1alpha1",
    "kind": "ModelProvider",
    "metadata": {"name": "vendor"},
    "spec": {
        "baseURL": "https://api.vendor.example/v1",
        "dialects": ["OpenAIChat"],
        "models": [{"name": "small"}, {"name": "large"}],
    },
}


def changed(document: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """A copy with these fields of ``spec`` set; None removes one."""
    result = copy.deepcopy(document)
    result["spec"] |= spec
    result["spec"] = {key: value for key, value in result["spec"].items() if value is not None}
    return result


def text_of(*documents: Any) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False)


def load(*documents: Any) -> Resources:
    return load_resources([("coding.yaml", text_of(*documents))])


def problems_of(text: str) -> list[str]:
    """What is wrong with a file, a line each; empty if nothing."""
    try:
        load_resources([("coding.yaml", text)])
    except ConfigurationError as error:
        return [str(problem) for problem in error.problems]
    return []


def problems_with(*documents: Any) -> list[str]:
    return problems_of(text_of(*documents))
