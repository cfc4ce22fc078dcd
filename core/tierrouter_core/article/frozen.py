"""How the article's API keeps its promise that nothing is mutated: constants that refuse, results that are copies.

``types.MappingProxyType`` would refuse too, but can be neither deep-copied, pickled nor written as JSON, and people
do all three with a configuration.
"""

from collections.abc import Mapping
from typing import Any, NoReturn, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class ReadOnlyDict(dict[K, V]):
    """A dict that raises ``TypeError`` on every change. Its copies, deep ones and pickled ones too, are plain dicts."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError("this mapping is a read-only constant: copy it with dict(...) and change the copy")

    __setitem__ = _refuse
    __delitem__ = _refuse
    __ior__ = _refuse
    clear = _refuse
    pop = _refuse
    popitem = _refuse
    setdefault = _refuse
    update = _refuse

    def __reduce__(self) -> tuple[type[dict[K, V]], tuple[dict[K, V]]]:
        return dict, (dict(self),)


def own_copy(value: Any) -> Any:
    """``value`` with every mapping, list and set in it made anew (mappings as plain dicts); the rest is shared.

    What is neither is taken as immutable, as everything that JSON or YAML can say is.
    """
    if isinstance(value, Mapping):
        return {key: own_copy(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [own_copy(entry) for entry in value]
    if isinstance(value, tuple) and type(value) is tuple:
        return tuple(own_copy(entry) for entry in value)
    if isinstance(value, set):
        return set(value)
    return value


def must_be_mapping(value: object, name: str) -> None:
    """Raise ``TypeError`` unless ``value`` is a mapping; ``name`` is the argument's."""
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: a {type(value).__name__} was given, a dict (or another mapping) is needed")
