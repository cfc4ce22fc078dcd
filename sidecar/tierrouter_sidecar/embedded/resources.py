"""The router file of the first run: ``embedded.yaml``, with the address that the model was given at start."""

from importlib.resources import files
from string import Template

PROVIDER_NAME = "embedded"
"""The ModelProvider in that file; its key is :attr:`EmbeddedModel.api_key`."""


def embedded_resources_yaml(base_url: str) -> str:
    """The router file's text, served at ``base_url`` (``http://127.0.0.1:PORT/v1``)."""
    text = files(__package__).joinpath("embedded.yaml").read_text(encoding="utf-8")
    return Template(text).substitute(BASE_URL=base_url)
