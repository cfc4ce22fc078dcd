"""Real vocabularies: the embedded model's, and OpenAI's and Voyage's where PyPI's ``bpe-openai`` is installed."""

import http.client
import importlib
import importlib.util
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import orjson

from tierrouter_sidecar.embedded.model import EmbeddedModel

Count = Callable[[str], int]
EMBEDDED = "SmolLM2"
_OTHERS = ("o200k_base", "cl100k_base", "voyage3_base")


@contextmanager
def embedded() -> Iterator[Count]:
    """The vocabulary of the embedded model: 49,152 entries, none of them with more than one digit."""
    model = EmbeddedModel.start()
    try:
        connection = http.client.HTTPConnection(model.base_url.removeprefix("http://").removesuffix("/v1"))
        headers = {"content-type": "application/json", "authorization": f"Bearer {model.api_key}"}

        def count(text: str) -> int:
            asked = {"content": text, "parse_special": True}
            connection.request("POST", "/tokenize", orjson.dumps(asked), headers)
            return len(orjson.loads(connection.getresponse().read())["tokens"])

        yield count
        connection.close()
    finally:
        model.stop()


def others() -> dict[str, Count]:
    """Vocabularies by name; none without the package."""
    if importlib.util.find_spec("bpe_openai") is None:
        return {}
    package = importlib.import_module("bpe_openai")

    def counting(name: str) -> Count:
        encoding = package.get_encoding(name)
        return lambda text: len(encoding.encode_ordinary(text))

    return {name: counting(name) for name in _OTHERS}
