"""Objects of one's own."""

from typing import Any

import orjson


def json_copy(value: Any) -> Any:
    """As the API server would give it: written and read, which takes a tenth of the time of a deep copy."""
    return orjson.loads(orjson.dumps(value))
