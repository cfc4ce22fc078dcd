"""docs/reliability.md tells of every kind of failure what the code does with it."""

import re
from pathlib import Path

from tierrouter_core.failover.failure import TREATMENTS, FailureKind, LeftAlone, Onward
from tierrouter_core.wire.failures import Meaning

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "reliability.md").read_text()
ROWS = {
    cells[0].strip("`"): cells[1:]
    for line in PAGE.splitlines()
    if line.startswith("| `") and len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 6
}
SHOWN = {
    Meaning.WAIT: "come back",
    Meaning.FINAL: "final",
    Meaning.NOT_SERVABLE: "can't be served",
    Meaning.DRAINING: "come back in a second",
    None: "the provider's own words",
}
HEALTH = {
    LeftAlone.NO: "",
    LeftAlone.COUNTED: "counted",
    LeftAlone.MODEL: "this model",
    LeftAlone.PROVIDER: "the provider",
}
ONWARD = {Onward.NEXT: "next tier", Onward.LARGER: "larger window", Onward.FLAGGED: "flagged", Onward.NOWHERE: "nobody"}


def test_every_kind_of_failure_has_its_row() -> None:
    assert list(ROWS) == [str(kind) for kind in sorted(FailureKind, key=lambda kind: list(ROWS).index(kind))]
    assert set(TREATMENTS) == set(FailureKind)


def test_the_rows_say_what_the_code_does() -> None:
    for kind, treatment in TREATMENTS.items():
        _, again, onward, health, shown = ROWS[kind]
        assert again.startswith("once") == treatment.again, kind
        assert ONWARD[treatment.onward] in onward, kind
        assert HEALTH[treatment.health] in health, kind
        assert bool(health) == (treatment.health is not LeftAlone.NO), kind
        assert shown.startswith(SHOWN[treatment.shown]), kind


def test_the_table_of_scenarios_is_whole_and_nothing_in_it_is_over_its_deadline() -> None:
    rows = re.findall(r"^\| (\d+) \| [^|]+ \| [^|]+ \| ([\d.]+) s \| (.+) \|$", PAGE, re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 17))
    for _, deadline_s, cells in rows:
        times = re.findall(r"pass, ([\d.]+) s", cells)
        assert len(times) == 6
        assert all(float(took_s) <= float(deadline_s) for took_s in times)
