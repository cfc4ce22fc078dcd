"""What the rule files hold, as values."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from prometheus_programs import RULES

Rule = dict[str, Any]
CASES = sorted(Path(__file__).parent.glob("*.yaml"))


def rules(*names: str) -> list[Rule]:
    """All rules, or those of these files."""
    files = [path for path in RULES if not names or path.stem in names]
    return [rule for path in files for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


ALERTS = [rule for rule in rules() if "alert" in rule]
RECORDED = {rule["record"]: rule for rule in rules() if "record" in rule}
ALERT_NAMES = sorted({rule["alert"] for rule in ALERTS})


def cases() -> Iterator[dict[str, Any]]:
    """Every test of ``promtool test rules``."""
    for path in CASES:
        yield from yaml.safe_load(path.read_text())["tests"]


def queries(rule: Rule) -> str:
    """The expressions of a rule: its own, and those of its annotations; without comments."""
    texts = [rule["expr"], *(text for text in rule.get("annotations", {}).values() if "| query" in text)]
    return "\n".join(re.sub(r"#.*", "", text) for text in texts)


METRIC = re.compile(r"(?<![\w:])(?:(?:\w+:)?tierrouter_\w+(?::\w+)?|up)\b(?!\w*[(])")
"""The name of a metric or of a recorded series within an expression."""
SELECTOR = re.compile(rf"({METRIC.pattern})\{{([^}}]*)\}}")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPING = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
