"""A real Prometheus that scrapes every second what a test names as it goes along."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from prometheus_programs import Running, running


class ScrapingPrometheus:
    """One that runs."""

    def __init__(self, program: Running, targets: Path) -> None:
        self.url = program.url
        self.kill = program.kill
        self._targets = targets

    def scrape(self, targets: Mapping[str, Mapping[str, str]]) -> None:
        """From now on these alone: addresses with the labels that scraping sets."""
        listed = [{"targets": [address], "labels": dict(labels)} for address, labels in targets.items()]
        new = self._targets.with_suffix(".new")
        new.write_text(json.dumps(listed))
        new.rename(self._targets)


@contextmanager
def scraping_prometheus(folder: Path, jobs: int = 1) -> Iterator[ScrapingPrometheus]:
    """Prometheus, each of whose ``jobs`` scrapes all targets."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = folder / "targets.json"
    targets.write_text("[]")
    found = {"file_sd_configs": [{"files": [str(targets)], "refresh_interval": "1s"}]}
    settings = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "900ms"},
        "scrape_configs": [{"job_name": f"sidecars-{number}", **found} for number in range(jobs)],
    }
    with running("prometheus", folder, settings) as program:
        yield ScrapingPrometheus(program, targets)
