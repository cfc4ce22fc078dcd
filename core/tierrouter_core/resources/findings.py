"""What a check finds, and which findings are worth saying."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from tierrouter_core.errors import Problem
from tierrouter_core.resources.yaml_text import Path, RawDocument, format_path

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong in a document whose fields are all right by themselves."""

    path: Path
    message: str
    rests_on: tuple[str, ...] = ()
    """Fields of ``spec`` that the finding compares with: it may be an echo when one of them could not be read."""


Check = Callable[[T], Iterator[Finding]]
NameCheck = Callable[[T, Sequence[str]], Iterator[Finding]]
"""A check that needs the names of a list's items, and nothing else of that list."""


def names_of_items(raw: RawDocument, key: str, tainted: Collection[Path]) -> tuple[str, ...] | None:
    """The names of the items of ``spec.<key>``, also of those that were refused; None unless each name is known.

    So an item that is wrong in some other way is no reason to be silent about what is named elsewhere.
    """
    at: Path = ("spec", key)
    # The list itself, an item that is no object, or a name: a message about names might only echo these.
    if any(path[:2] == at and (len(path) <= 3 or path[3:] == ("name",)) for path in tainted):
        return None
    return tuple(item["name"] for item in raw.value["spec"].get(key) or ())


def as_problems(
    findings: Iterable[Finding], raw: RawDocument, document: str, tainted: Iterable[Path]
) -> Iterator[Problem]:
    """The findings as problems, less those that only echo values that could not be read."""
    tainted_fields = {_field_of(path) for path in tainted}
    for finding in findings:
        rests_on = {("spec", name) for name in finding.rests_on} | {_field_of(finding.path)}
        if not rests_on & tainted_fields:
            yield Problem(raw.where(finding.path), document, format_path(finding.path), finding.message)


def _field_of(path: Path) -> Path:
    """``spec.tiers`` of ``spec.tiers[2].rank``: a list with an unread item has other indexes than the file."""
    return path[:2]
