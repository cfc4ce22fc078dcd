"""The table of docs/reliability.md from a test run's JUnit file: ``reliability_table.py FILE``.

Exits with 1, and leaves the page as it is, where a case failed or is missing.
"""

import re
import sys
import xml.etree.ElementTree as ET
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- scenarios:begin -->", "<!-- scenarios:end -->"
CASE = re.compile(
    r"\[(?P<name>.+)-(?P<client>OpenAIChat|OpenAIResponses|AnthropicMessages)-(?P<how>streamed|whole)-(?P<wiring>.+)\]"
)
COLUMNS = [
    (client, how) for client in ("AnthropicMessages", "OpenAIChat", "OpenAIResponses") for how in ("streamed", "whole")
]
HEADINGS = ["Messages, streamed", "Messages", "Chat, streamed", "Chat", "Responses, streamed", "Responses"]

sys.path.insert(0, str(ROOT / "tests" / "integration" / "sidecar"))
sys.path.insert(0, str(ROOT / "tests"))


def main(report: Path) -> int:
    """Write the table; 1 where it would not be whole."""
    from reliability import SCENARIOS

    slowest_s: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    failed = []
    for case in ET.parse(report).getroot().iter("testcase"):
        found = CASE.search(case.get("name", ""))
        if found is None:
            continue
        if any(case.find(what) is not None for what in ("failure", "error", "skipped")):
            failed.append(case.get("name"))
            continue
        took = next(each.get("value", "") for each in case.iter("property") if each.get("name") == "slowest")
        slowest_s[found["name"], found["client"], found["how"]].append(float(took))
    lines = [
        f"| | what fails | what the agent sees | deadline | {' | '.join(HEADINGS)} |",
        "| --- " * (4 + len(HEADINGS)) + "|",
    ]
    for each in SCENARIOS:
        cells = []
        for client, how in COLUMNS:
            times = slowest_s.get((each.name, client, how), [])
            if len(times) != 3:
                failed.append(f"{each.name}, {client}, {how}: {len(times)} of 3 wirings passed")
            cells.append(f"pass, {max(times, default=0.0):.2f} s")
        lines.append(f"| {each.number} | {each.name} | {each.promise} | {each.deadline_s:g} s | {' | '.join(cells)} |")
    if failed:
        print("the page is left as it is; these did not pass:", *failed, sep="\n  ", file=sys.stderr)
        return 1
    head, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(head + BEGIN + "\n" + "\n".join(lines) + "\n" + END + rest.partition(END)[2])
    print(f"{PAGE.relative_to(ROOT)}: {len(SCENARIOS)} scenarios, {sum(map(len, slowest_s.values()))} runs, all passed")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1])))
