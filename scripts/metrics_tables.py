"""Write the tables of docs/metrics.md anew, from the declarations of the metrics."""

from pathlib import Path

from tierrouter_core.observability.reference import with_tables

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"

if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
