"""Parts of requests that both of OpenAI's dialects write alike, but for how deep they stand."""

from collections.abc import Mapping
from typing import Any

from tierrouter_core.wire.counts import details
from tierrouter_core.wire.data_url import split_data_url
from tierrouter_core.wire.model import Document, Image, OutputFormat, Tool, ToolKind, Untranslatable


def format_of(wanted: Mapping[str, Any], at: str) -> OutputFormat | None:
    """The form of the answer that ``response_format`` or ``text.format`` asks for; the latter is flat."""
    match wanted.get("type"):
        case None | "text":
            return None
        case "json_object":
            return OutputFormat()
        case "json_schema":
            schema = details(wanted.get("json_schema")) or wanted
            strict = schema.get("strict")
            return OutputFormat(
                dict(details(schema.get("schema"))),
                str(schema.get("name") or "output"),
                str(schema.get("description") or ""),
                strict if isinstance(strict, bool) else None,
            )
    raise Untranslatable(at, f"the format {wanted.get('type')} is not known")


def image_of(url: str, at: str, detail: str = "") -> Image:
    """An image by what stands in its URL."""
    data = split_data_url(url)
    detail = "" if detail == "auto" else detail
    return Image(at, url=url, detail=detail) if data is None else Image(at, data[0], data[1], detail=detail)


def document_of(data: str, at: str, name: str) -> Document:
    """A document by its data URL, or its bare base64."""
    split = split_data_url(data)
    return Document(at, "application/pdf", data, name=name) if split is None else Document(at, *split, name=name)


def custom_tool(declared: Mapping[str, Any], namespace: str = "") -> Tool:
    """A custom tool; its grammar is nested in Chat and flat in Responses."""
    form = details(declared.get("format"))
    grammar = details(form.get("grammar")) or form
    syntax, definition = grammar.get("syntax"), grammar.get("definition")
    return Tool(
        str(declared.get("name") or ""),
        str(declared.get("description") or ""),
        kind=ToolKind.CUSTOM,
        namespace=namespace,
        grammar=(str(syntax), str(definition)) if form.get("type") == "grammar" else None,
    )
