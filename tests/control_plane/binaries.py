"""Where the programs of the control plane come from: what is named, else what was built before, else built now."""

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

MODULE = Path(__file__).parent
PROGRAMS = ("etcd", "kube-apiserver", "kube-controller-manager")

_found = re.search(r"k8s\.io/kubernetes (v1\.(\d+)\.\d+)", (MODULE / "go.mod").read_text())
assert _found, "go.mod names the version of Kubernetes"
VERSION, _MINOR = _found.groups()

# Without these the API server calls itself v0.0.0 and its own clients refuse it.
_VERSION_FLAGS = " ".join(
    f"-X k8s.io/{name}={value}"
    for name, value in {
        "component-base/version.gitVersion": VERSION,
        "component-base/version.gitMajor": "1",
        "component-base/version.gitMinor": _MINOR,
        "component-base/version.gitTreeState": "clean",
        "client-go/pkg/version.gitVersion": VERSION,
    }.items()
)


class ControlPlaneMissing(Exception):
    """There is no control plane on this machine and no Go to build one: tests are skipped, but not in CI."""


class ControlPlaneFailed(Exception):
    """A control plane can't be built or started as things are; the message has the tail of what the programs said."""


def cache_dir(environment: Mapping[str, str]) -> Path:
    """The folder outside the tree that keeps the programs of this version."""
    base = Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "tierrouter" / f"kube-{VERSION}"


def binaries(environment: Mapping[str, str] = os.environ, say: Callable[[str], None] = print) -> Path:
    """The folder with :data:`PROGRAMS`, built first where needed, which `say` announces.

    Raises ControlPlaneMissing and ControlPlaneFailed.
    """
    if named := environment.get("KUBEBUILDER_ASSETS"):
        lacking = _lacking(Path(named))
        if lacking:
            raise ControlPlaneFailed(f"KUBEBUILDER_ASSETS={named} has no {', '.join(lacking)}; add it or unset that")
        return Path(named)
    folder = cache_dir(environment)
    if not _lacking(folder):
        return folder
    if not shutil.which("go", path=environment.get("PATH")):
        raise ControlPlaneMissing(
            f"no Kubernetes control plane: install Go (it is then built once, in minutes), or set KUBEBUILDER_ASSETS "
            f"to a folder with {', '.join(PROGRAMS)}, or TIERROUTER_TEST_KUBECONFIG to a kind cluster's kubeconfig"
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two test runs at once build it once
        if _lacking(folder):
            say(
                f"control plane: building {', '.join(PROGRAMS)} {VERSION} into {folder}: once, about 5 minutes on 2 cores"
            )
            _build(folder, environment)
    return folder


def are_required(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether tests must not be skipped for want of a control plane."""
    return environment.get("CI", "").lower() in ("true", "1")


def _lacking(folder: Path) -> list[str]:
    return [name for name in PROGRAMS if not os.access(folder / name, os.X_OK)]


def _build(folder: Path, environment: Mapping[str, str]) -> None:
    servers = [f"k8s.io/kubernetes/cmd/{name}" for name in PROGRAMS if name.startswith("kube-")]
    # Made beside it and renamed, so that a build that was interrupted is never taken for a whole one.
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="building-") as made:
        _go(made + "/", f"-s -w {_VERSION_FLAGS}", servers, environment)
        _go(f"{made}/etcd", "-s -w", ["go.etcd.io/etcd/server/v3"], environment)
        folder.mkdir(exist_ok=True)
        for name in PROGRAMS:
            Path(made, name).replace(folder / name)


def _go(output: str, ldflags: str, packages: list[str], environment: Mapping[str, str]) -> None:
    built = subprocess.run(
        ["go", "build", "-mod=readonly", "-trimpath", "-ldflags", ldflags, "-o", output, *packages],
        cwd=MODULE,
        env={**environment, "CGO_ENABLED": "0", "GOWORK": "off"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if built.returncode:
        tail = "\n".join(built.stdout.splitlines()[-15:])
        raise ControlPlaneFailed(f"building the control plane failed (Go 1.26 or later is needed):\n{tail}")
