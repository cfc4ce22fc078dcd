"""The chart, rendered and installed by the real Helm."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = ROOT / "charts" / "tierrouter"
NAMESPACE = "tierrouter-system"
Obj = dict[str, Any]


@cache
def helm_program() -> str:
    """Helm's path. Skips the test where there is neither Helm nor Go to build it; in CI, fails it."""
    found = subprocess.run([ROOT / "scripts/helm.sh"], capture_output=True, text=True, check=False)
    if found.returncode == 3 and os.environ.get("CI", "").lower() not in ("true", "1"):
        pytest.skip(found.stderr)
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def helm(*arguments: str | Path, environment: Mapping[str, str] = os.environ) -> subprocess.CompletedProcess[str]:
    """Helm's answer, good or bad."""
    command = [helm_program(), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=dict(environment))


def values(**settings: Any) -> list[str]:
    """Flags for values: ``values(**{"webhook.replicas": 3})``; lists and maps too."""
    return [part for key, value in settings.items() for part in ("--set-json", f"{key}={json.dumps(value)}")]


@dataclass(frozen=True)
class Rendered:
    """What the chart makes of values."""

    objects: tuple[Obj, ...]

    def of(self, *kinds: str) -> list[Obj]:
        """All objects of these kinds."""
        return [each for each in self.objects if each["kind"] in kinds]

    def one(self, kind: str, ending: str) -> Obj:
        """The only object of the kind whose name ends so."""
        (found,) = (each for each in self.of(kind) if each["metadata"]["name"].endswith(ending))
        return found

    def container(self, component: str) -> Obj:
        """The container of operator or webhook."""
        (found,) = self.one("Deployment", f"-{component}")["spec"]["template"]["spec"]["containers"]
        return dict(found)


@cache
def render(*flags: str | Path, release: str = "tierrouter", namespace: str = NAMESPACE) -> Rendered:
    """``helm template``, which has to succeed. Once for the same flags: change nothing of what it returns."""
    done = helm("template", release, CHART, "--namespace", namespace, *flags)
    assert done.returncode == 0, done.stderr
    return Rendered(tuple(each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each))


def refusal(*flags: str | Path) -> str:
    """What ``helm template`` says when it refuses values, which it has to."""
    done = helm("template", "tierrouter", CHART, "--namespace", NAMESPACE, *flags)
    assert done.returncode != 0, "nothing was refused"
    return done.stderr
