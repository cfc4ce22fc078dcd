"""The dashboards' files."""

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tierrouter_dashboards import fleet, model_server, regression, router

FOLDER: Final = Path(__file__).parents[2] / "charts/tierrouter/files/dashboards"


def dashboards() -> dict[str, Dashboard]:
    """By the file's name."""
    return {
        "fleet.json": fleet.dashboard(),
        "model-server.json": model_server.dashboard(),
        "regression.json": regression.dashboard(),
        "router.json": router.dashboard(),
    }


def contents() -> dict[str, str]:
    """Each file's text."""
    return {name: f"{json.dumps(board, cls=JSONEncoder, indent=1)}\n" for name, board in dashboards().items()}


def write() -> None:
    """Write each file, and remove those of dashboards that are gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    texts = contents()
    for stale in {path.name for path in FOLDER.glob("*.json")} - set(texts):
        (FOLDER / stale).unlink()
    for name, text in texts.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
