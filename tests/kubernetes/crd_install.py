"""Teaches the API server of the tests the project's kinds, once."""

from functools import partial
from pathlib import Path

from control_plane import Api, Refused
from tierrouter_core.crds.definitions import DEFINITIONS, Definition

FOLDER = Path(__file__).parents[2] / "crds"

_installed: set[str] = set()


async def install_crds(api: Api) -> None:
    """Applies crds/*.yaml, and returns when all of them are served."""
    if api.access.server in _installed:
        return
    for path in sorted(FOLDER.glob("*.yaml")):
        await api.apply(path.read_text(encoding="utf-8"))
    for definition in DEFINITIONS:
        await api.until(partial(_is_served, api, definition), f"{definition.plural} are served")
    _installed.add(api.access.server)


async def _is_served(api: Api, definition: Definition) -> bool:
    found = await api.get(f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{definition.name}")
    # Null at first.
    conditions = {entry["type"]: entry["status"] for entry in found["status"].get("conditions") or ()}
    if conditions.get("Established") != "True":
        return False
    try:
        await api.get(f"/apis/tierrouter.dev/v1alpha1/{definition.plural}")
    except Refused as refused:
        if refused.code != 429:  # "storage is (re)initializing"
            raise
        return False
    return True
