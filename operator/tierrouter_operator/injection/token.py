"""The token that agents have to show to their sidecar, where the pod names a Secret with one.

Its text is in no object that we write: the containers name the Secret, and the kubelet reads it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from tierrouter_core.contract import TOKEN_SECRET, InjectionReason
from tierrouter_operator.injection.asked import Skip

TOKEN_VARIABLE: Final = "TIERROUTER_TOKEN"  # noqa: S105 (the name of a variable)
SHOWN: Final = f"$({TOKEN_VARIABLE})"
"""In a variable's value after that one: the kubelet writes the token there."""
_KEY: Final = "token"
_NAME: Final = r"[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?"
_WHERE: Final = re.compile(rf"({_NAME})(?:/([-._a-zA-Z0-9]{{1,253}}))?")


@dataclass(frozen=True, slots=True)
class TokenSecret:
    """Where the token is: a key of a Secret in the pod's namespace."""

    name: str
    key: str = _KEY

    def variable(self) -> dict[str, Any]:
        """The variable, as ``env`` has it."""
        return {"name": TOKEN_VARIABLE, "valueFrom": {"secretKeyRef": {"name": self.name, "key": self.key}}}


def token_secret(annotations: Mapping[str, str]) -> TokenSecret | Skip | None:
    """The Secret that the annotation names; None without one; why the pod stays as it is where that is no name."""
    wanted = annotations.get(TOKEN_SECRET)
    if wanted is None:
        return None
    found = _WHERE.fullmatch(wanted.strip())
    if found is None:
        return Skip(
            InjectionReason.INVALID_NAME,
            f'{TOKEN_SECRET}: "{wanted}" can\'t be the name of a Secret; write NAME, or NAME/KEY where its key is not '
            f'"{_KEY}", or take the annotation away',
        )
    return TokenSecret(found[1], found[2] or _KEY)
