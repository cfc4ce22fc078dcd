"""CustomResourceDefinitions as a page for people: every field with its type, default, checks and meaning.

It is made of the manifests themselves, so that it says what an API server is told, and nothing else.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from tierrouter_core.crds.definitions import VERSION, Definition
from tierrouter_core.crds.schema import ONE_LINE, Schema

_UNDOCUMENTED = ("apiVersion", "kind", "metadata")
"""Of every object that there is."""
_LONG = 40
"""A pattern that is longer than this says nothing to people; the description and the message do."""
_BAR = "\\|"
_HEADER = """# Custom resources

<!-- Made by `make crds` of the declarations in core/tierrouter_core/resources and crds. Edit these, not this page. -->

Every field of the five kinds of `tierrouter.dev/{version}`, as `crds/*.yaml` has it, which is what an API server
checks. [configuration.md](configuration.md) has the same fields as a router file has them, and what is checked beyond
an API server's sight; [kubernetes.md](kubernetes.md) has what goes across kinds.

`[]` is an item of a list, `{{}}` a value of a map. A default is filled in where the field is left out;
*required* means: in an object that is there at all.
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One field."""

    path: str
    type: str
    default: str
    checks: str
    meaning: str

    @property
    def markdown(self) -> str:
        """As a line of a table."""
        cells = (f"`{self.path}`", self.type, self.default, self.checks, self.meaning)
        padded = (f" {cell} " if cell else " " for cell in (each.replace("|", _BAR) for each in cells))
        return f"|{'|'.join(padded)}|"


def reference(definitions: Iterable[Definition]) -> str:
    """The whole page."""
    return _HEADER.format(version=VERSION) + "".join(_section(definition) for definition in definitions)


def rows_of(definition: Definition) -> Iterator[Row]:
    """Every field of a kind, spec first, in the order of declaration."""
    (version,) = definition.manifest()["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    for name, each in schema["properties"].items():
        if name not in _UNDOCUMENTED:
            yield from _rows(name, each, name in schema.get("required", ()))


def rules_of(definition: Definition) -> Iterator[tuple[str, str]]:
    """What is checked across fields: where, and what is said to whoever breaks it."""
    (version,) = definition.manifest()["spec"]["versions"]
    yield from _rules("", version["schema"]["openAPIV3Schema"])


def _section(definition: Definition) -> str:
    lines = [
        "",
        f"## {definition.kind}",
        "",
        definition.description,
        f"`kubectl get {definition.short_name}`; its name has at most {definition.max_name} characters.",
        "",
        "| field | type | default | checked | meaning |",
        "| --- | --- | --- | --- | --- |",
        *(row.markdown for row in rows_of(definition)),
    ]
    rules = list(rules_of(definition))
    if rules:
        lines += ["", "Across fields:", "", "| where | what is said otherwise |", "| --- | --- |"]
        lines += [f"| {f'`{where}`' if where else 'the object'} | {message} |" for where, message in rules]
    return "\n".join(lines) + "\n"


def _rows(path: str, schema: Schema, is_required: bool) -> Iterator[Row]:
    default = "*required*" if is_required else f"`{_as_json(schema['default'])}`" if "default" in schema else ""
    own = " ".join(entry["message"] for entry in schema.get("x-kubernetes-validations", ()) if not _is_object(schema))
    checks = ", ".join(part for part in (*_bounds(schema), own) if part)
    yield Row(path, _type(schema), default, checks, schema.get("description", ""))
    yield from _below(path, schema)


def _below(path: str, schema: Schema) -> Iterator[Row]:
    required = schema.get("required", ())
    for name, each in schema.get("properties", {}).items():
        yield from _rows(f"{path}.{name}", each, name in required)
    for mark, key in (("[]", "items"), ("{}", "additionalProperties")):
        if isinstance(schema.get(key), dict):
            yield from _below(f"{path}{mark}", schema[key])


def _as_json(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _is_object(schema: Schema) -> bool:
    return bool(schema.get("properties"))


def _type(schema: Schema) -> str:
    if "type" not in schema:
        return "text or list of maps"
    match schema["type"]:
        case "array":
            return f"list of {_type(schema['items'])}"
        case "object" if isinstance(schema.get("additionalProperties"), dict):
            return f"map of text to {_type(schema['additionalProperties'])}"
        case "object":
            return "map"
        case "string" if "enum" in schema:
            return ", ".join(f"`{word}`" for word in schema["enum"])
        case "string" if schema.get("format") == "date-time":
            return "time"
        case "string":
            return "text"
        case other:
            return str(other)


def _bounds(schema: Schema) -> Iterator[str]:
    """What holds for the value by itself."""
    if "type" not in schema:
        return
    if "minimum" in schema:
        yield f"{schema['minimum']} to {schema['maximum']}"
    if schema["type"] == "string" and "maxLength" in schema:
        least = schema.get("minLength", 0)
        yield f"{least} to {schema['maxLength']} characters" if least else f"at most {schema['maxLength']} characters"
    pattern = schema.get("pattern", "")
    if pattern == ONE_LINE:
        yield "one line"
    elif pattern and len(pattern) <= _LONG:
        yield f"`{pattern.removeprefix('^(?:').removesuffix(')$')}`" if pattern.endswith(")$") else f"`{pattern}`"
    if "maxItems" in schema:
        least = schema.get("minItems", 0)
        yield f"{least} to {schema['maxItems']} items" if least else f"at most {schema['maxItems']} items"
    if "maxProperties" in schema:
        yield f"at most {schema['maxProperties']} entries"
    if keys := schema.get("x-kubernetes-list-map-keys"):
        yield f"each `{keys[0]}` once"
    if schema.get("x-kubernetes-list-type") == "set":
        yield "each once"
    # What holds for the items of a list of plain values.
    items = schema.get("items") or schema.get("additionalProperties")
    if isinstance(items, dict) and not _is_object(items):
        yield from (f"each {text}" for text in _bounds(items))


def _rules(path: str, schema: Schema) -> Iterator[tuple[str, str]]:
    if _is_object(schema) or not path:
        for entry in schema.get("x-kubernetes-validations", ()):
            where = f"{path}{entry.get('fieldPath', '')}".lstrip(".")
            yield where, entry["message"]
    for name, each in schema.get("properties", {}).items():
        yield from _rules(f"{path}.{name}", each)
    for mark, key in (("[]", "items"), ("{}", "additionalProperties")):
        if isinstance(schema.get(key), dict):
            yield from _rules(f"{path}{mark}", schema[key])
