"""Reads the cases of tests/kubernetes/crd_cases; its README says how they are written."""

import copy
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_FOLDER = Path(__file__).parent / "kubernetes"
BASES: dict[str, dict[str, Any]] = yaml.safe_load((_FOLDER / "crd_bases.yaml").read_text(encoding="utf-8"))


@dataclass(frozen=True, slots=True)
class Step:
    """One change of an object that is stored."""

    patch: dict[str, Any]
    refused: str | None
    """What the message holds; None where the change is accepted."""

    @property
    def is_of_the_status(self) -> bool:
        """Whether it goes to the status subresource."""
        return self.patch.keys() == {"status"}


@dataclass(frozen=True, slots=True)
class Case:
    """One case."""

    name: str
    base: str
    document: dict[str, Any]
    refused: str | None
    then: tuple[Step, ...]
    file: str
    """``accepted`` or ``refused`` by the reader of files."""


def cases() -> Iterator[Case]:
    """Every case of every file."""
    for path in sorted(_FOLDER.glob("crd_cases/*.yaml")):
        group = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert group.keys() == {"base", "cases"}, path
        for name, case in group["cases"].items():
            yield _case(f"{path.stem}: {name}", group["base"], case)


def _case(name: str, base: str, case: dict[str, Any]) -> Case:
    unknown = case.keys() - {"change", "refused", "then", "file", "because"}
    assert not unknown, f"{name}: {unknown}"
    assert ("file" in case) == ("because" in case), f"{name}: say why the two differ"
    refused = case.get("refused")
    return Case(
        name=name,
        base=base,
        document=merged(BASES[base], case.get("change", {})),
        refused=refused,
        then=tuple(Step(step["patch"], step.get("refused")) for step in case.get("then", ())),
        file=case.get("file", "accepted" if refused is None else "refused"),
    )


def merged(value: Any, change: Any) -> Any:
    """The value with a JSON merge patch (RFC 7386) applied."""
    if not isinstance(change, dict):
        return copy.deepcopy(change)
    result = dict(value) if isinstance(value, dict) else {}
    for key, inner in change.items():
        if inner is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), inner)
    return result
