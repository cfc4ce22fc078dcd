"""What the plugin prints: values to tables and lines."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import yaml
from rich.table import Table
from rich.text import Text

from tierrouter_cli.console import Output
from tierrouter_core.contract import is_bad
from tierrouter_core.document.difference import Difference
from tierrouter_kubectl.cluster import Obj, RouterState
from tierrouter_kubectl.columns import print_columns

_COLOURS = {"Active": "green", "Canary": "cyan", "RolledBack": "yellow", "Rejected": "red"}


def print_data(data: Any, output: str) -> None:
    """As JSON or YAML, for programs."""
    if output == "json":
        print(orjson.dumps(data, option=orjson.OPT_INDENT_2).decode())
    else:
        print(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), end="")


def age(text: str, now: datetime) -> str:
    """How long ago, as kubectl shows it: ``5m``, ``3h``, ``2d``."""
    try:
        seconds = int((now - datetime.fromisoformat(text)).total_seconds())
    except (TypeError, ValueError):
        return "?"
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{max(seconds, 0)}s"


def status_data(state: RouterState) -> dict[str, Any]:
    """Everything that ``status`` tells, for programs."""
    router = state.router
    conditions = (router.get("status") or {}).get("conditions") or []
    stable = next((each for each in state.revisions if each["metadata"]["name"] == state.in_force), None)
    return {
        "name": state.name,
        "namespace": router["metadata"]["namespace"],
        "mode": router["spec"].get("mode", "Route"),
        "ready": next((each["status"] for each in conditions if each["type"] == "Ready"), "Unknown"),
        "activeRevision": state.in_force,
        "number": None if stable is None else stable["spec"]["number"],
        "activation": dict(state.activation),
        "canaryRevision": state.canary,
        "pinnedRevision": state.pinned,
        "revisions": len(state.revisions),
        "conditions": conditions,
        "tiers": [
            {key: tier.get(key) for key in ("name", "rank", "model", "provider", "expensive")}
            for tier in router["spec"]["tiers"]
        ],
    }


def print_status(state: RouterState, now: datetime | None = None) -> None:
    """One router, for people."""
    data, now = status_data(state), now or datetime.now(UTC)
    console = Output()
    ready = {"True": "[green]ready[/]", "False": "[red]not ready[/]"}.get(data["ready"], "[yellow]not judged yet[/]")
    console.print(f"[bold]{data['namespace']}/{data['name']}[/]  {ready}, mode {data['mode']}")
    if data["activeRevision"]:
        activation = data["activation"]
        since = f" for {age(str(activation.get('time')), now)}" if activation else ""
        why = f" ({activation.get('reason')}: {activation.get('message')})" if activation else ""
        console.print(Text(f"  in force   {data['number']}  {data['activeRevision']}{since}{why}"))
    else:
        console.print("  in force   nothing")
    if data["pinnedRevision"]:
        console.print(Text(f"  pinned     {data['pinnedRevision']}"))
    if data["canaryRevision"]:
        console.print(Text(f"  canary     {data['canaryRevision']}"))
    for condition in data["conditions"]:
        if is_bad(condition["type"], condition["status"]) and condition["type"] != "Ready":
            console.print(Text(f"  {condition['type']}: {condition['reason']}: {condition['message']}", style="red"))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("  tier", "rank", "model", "provider", ""):
        table.add_column(column)
    for tier in data["tiers"]:
        name, rank = f"  {tier['name']}", str(tier["rank"])
        table.add_row(name, rank, tier["model"], tier["provider"], "expensive" if tier["expensive"] else "")
    console.print(table)


def revision_data(state: RouterState) -> list[dict[str, Any]]:
    """Every revision, newest first, for programs."""
    return [
        {
            "number": each["spec"]["number"],
            "name": each["metadata"]["name"],
            "phase": (each.get("status") or {}).get("phase", ""),
            "origin": each["spec"]["origin"]["type"],
            "run": each["spec"]["origin"]["run"],
            "created": each["metadata"].get("creationTimestamp"),
            "message": each["spec"]["origin"]["message"],
            "inForce": each["metadata"]["name"] == state.in_force,
            "pinned": each["metadata"]["name"] == state.pinned,
        }
        for each in state.revisions
    ]


def print_revisions(state: RouterState, now: datetime | None = None) -> None:
    """Every revision, for people."""
    now = now or datetime.now(UTC)
    rows = []
    for each in revision_data(state):
        mark = "*" if each["inForce"] else ""
        phase = Text(each["phase"] or "-", style=_COLOURS.get(each["phase"], ""))
        origin = f"{each['origin']} {each['run']}".strip()
        name = f"{each['name']}{' (pinned)' if each['pinned'] else ''}"
        cells = (mark, str(each["number"]), name, phase, origin, age(str(each["created"]), now))
        rows.append((cells, each["message"]))
    print_columns(("", "number", "name", "phase", "origin", "age"), "why", rows)


def difference_data(differences: Sequence[Difference]) -> list[Mapping[str, Any]]:
    """The differences, for programs."""
    return [{"path": each.path, "before": each.before, "after": each.after} for each in differences]


def print_differences(before: Obj, after: Obj, differences: Sequence[Difference]) -> None:
    """The differences, for people: a line each."""
    console = Output()
    sides = [f"{each['spec']['number']} ({each['metadata']['name']})" for each in (before, after)]
    console.print(Text(f"{sides[0]} -> {sides[1]}", style="bold"))
    if not differences:
        console.print("  no difference")
    for text in lines_of(differences):
        console.print(Text("  ").append_text(text))


def lines_of(differences: Sequence[Difference]) -> Iterator[Text]:
    """``thresholds.file_count: 8 -> 6``."""
    for each in differences:
        line = Text(f"{each.path}: ")
        line.append(_shown(each.before), style="red")
        yield line.append(" -> ").append(_shown(each.after), style="green")


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else orjson.dumps(value).decode()
