"""The files that the chart gives to Grafana."""

import json
from pathlib import Path
from typing import Final

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from tierrouter_dashboards import fleet, model_server, regression, router
from tierrouter_dashboards.grafana_alerts import provisioning

FILES: Final = Path(__file__).parents[2] / "charts/tierrouter/files"
DASHBOARDS: Final = FILES / "dashboards"
ALERTS: Final = FILES / "grafana-alerts/tierrouter.yaml"
RULES: Final = FILES / "rules"


def dashboards() -> dict[str, Dashboard]:
    """By the file's name."""
    return {
        "fleet.json": fleet.dashboard(),
        "model-server.json": model_server.dashboard(),
        "regression.json": regression.dashboard(),
        "router.json": router.dashboard(),
    }


def contents() -> dict[Path, str]:
    """Each file's text."""
    rules = {path.name: path.read_text(encoding="utf-8") for path in RULES.glob("*.yaml")}
    boards = {
        DASHBOARDS / name: f"{json.dumps(board, cls=JSONEncoder, indent=1)}\n" for name, board in dashboards().items()
    }
    return {**boards, ALERTS: provisioning(rules)}


def found() -> dict[Path, str]:
    """The files as they are."""
    paths = [path for folder in (DASHBOARDS, ALERTS.parent) for path in folder.glob("*")]
    return {path: path.read_text(encoding="utf-8") for path in paths}


def write() -> None:
    """Write each file, and remove those that are gone."""
    texts = contents()
    for stale in set(found()) - set(texts):
        stale.unlink()
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
