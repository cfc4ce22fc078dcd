"""XML of unknown origin as a tree: no document types, so no entities; bounded in depth; a cut is told as one."""

from typing import Any, Final
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from tierrouter_evaluation.errors import ResultFilesError

_MAX_DEPTH: Final = 64
_CUT: Final = (
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN],
    expat.errors.codes[expat.errors.XML_ERROR_PARTIAL_CHAR],
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION],
)


class _RefusedError(Exception):
    """What the document holds is not taken."""


def parse(data: bytes, source: str) -> Element:
    """The document's root; names without their namespaces.

    Raises:
        ResultFilesError: it is no XML, is cut off, has a document type, or nests too deep.
    """
    if not data.strip():
        raise ResultFilesError(f"{source}: the file is empty: did the harness end before it was done?")
    builder = TreeBuilder()
    depth = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise _RefusedError(f"elements nest deeper than {_MAX_DEPTH}")
        builder.start(name.rpartition("}")[2], attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(name.rpartition("}")[2])

    def refuse(*_: Any) -> None:
        raise _RefusedError("a document type (<!DOCTYPE>) is not taken: it can define entities; take it out")

    parser = expat.ParserCreate(namespace_separator="}")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except _RefusedError as error:
        raise ResultFilesError(f"{source}:{parser.CurrentLineNumber}: {error}") from None
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, expat.ExpatError) and error.code in _CUT:
            said = "cut off: did the harness end before it was done?"
        else:
            said = f"no XML that can be read: {error}"
        raise ResultFilesError(f"{source}:{parser.CurrentLineNumber}: {said}") from None
    return builder.close()
