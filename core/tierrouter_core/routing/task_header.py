"""``x-tierrouter-task``: what the agent knows better about its task than the router can see."""

import orjson

from tierrouter_core.errors import MalformedRequestError
from tierrouter_core.names import TASK_HEADER
from tierrouter_core.routing.variables import DEFAULTS, VARIABLES, Value

_PREFIX = "task."
ALLOWED = {name.removeprefix(_PREFIX): variable for name, variable in VARIABLES.items() if variable.from_header}
MAX_INT = 2**53


def read_task(header: str) -> tuple[dict[str, Value], tuple[str, ...]]:
    """The variables that the header sets, by full name, and the keys that are not known (ignored, with a notice).

    Raises:
        MalformedRequestError: not a JSON object, or a value of the wrong type.
    """
    try:
        values = orjson.loads(header)
    except orjson.JSONDecodeError as error:
        raise MalformedRequestError(f"the header {TASK_HEADER} is not valid JSON: {error}") from None
    if not isinstance(values, dict):
        example = '{"file_count": 4, "sandboxed": true}'
        raise MalformedRequestError(f"the header {TASK_HEADER} must hold a JSON object such as {example}")
    known: dict[str, Value] = {}
    unknown: list[str] = []
    for key, value in values.items():
        variable = ALLOWED.get(key)
        if variable is None:
            unknown.append(key)
            continue
        # bool is a subclass of int, so the types are compared exactly.
        if type(value) is not type(DEFAULTS[variable.name]):
            expected = {"bool": "true or false", "int": "an integer", "string": "a string"}[variable.type_name]
            raise MalformedRequestError(f"the header {TASK_HEADER} has {key}={value!r}; {expected} is expected")
        if isinstance(value, int) and not 0 <= value <= MAX_INT:
            raise MalformedRequestError(f"the header {TASK_HEADER} has {key}={value}; 0 to {MAX_INT} is allowed")
        known[variable.name] = value
    return known, tuple(unknown)
