"""Promises about the repository itself."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCKS = ("requirements.lock", "scripts/installer.lock", "scripts/build.lock")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
MACHINE_PATH = re.compile(r"(^|[^A-Za-z0-9_/.-])/(work|root|farm)/")


def tracked_files() -> list[Path]:
    """The files that git knows or would add."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listing.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def locked_versions(lock: str) -> dict[str, str]:
    """Package name to version."""
    text = (ROOT / lock).read_text(encoding="utf-8")
    return {canonicalize_name(name): version for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", text, re.M)}


def required() -> list[Requirement]:
    """What pyproject.toml asks for, in all extras, without its references to itself."""
    extras = PROJECT["project"]["optional-dependencies"].values()
    texts = [*PROJECT["project"]["dependencies"], *(text for extra in extras for text in extra)]
    return [requirement for text in texts if (requirement := Requirement(text)).name != PROJECT["project"]["name"]]


def test_the_folder_operator_never_becomes_a_package_that_hides_pythons_own() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()


def test_python_started_in_the_root_finds_its_own_operator_module() -> None:
    program = "import operator, sys; print(operator.add(1, 2), operator.__file__ or '')"
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    result, _, file = run.stdout.strip().partition(" ")
    assert result == "3"
    assert not file.startswith(str(ROOT / "operator"))


def test_no_file_names_a_folder_of_the_machine_that_it_was_written_on() -> None:
    found = []
    for path in tracked_files():
        if path == Path(__file__).resolve():
            continue
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [
            f"{path.relative_to(ROOT)}:{n}: {line}" for n, line in enumerate(lines, 1) if MACHINE_PATH.search(line)
        ]
    assert found == []


@pytest.mark.parametrize("lock", LOCKS)
def test_the_locks_name_no_package_index(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert not re.search(r"^\s*(-i|-f|--(extra-)?index-url|--find-links|--trusted-host)\b", text, re.M)


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_a_hash(lock: str) -> None:
    entries = re.split(r"^(?=\S)", (ROOT / lock).read_text(encoding="utf-8"), flags=re.M)
    never_installed = "sys_platform == 'never'"  # see tool.uv in pyproject.toml
    without = [e.split()[0] for e in entries if e.strip() and "--hash=sha256:" not in e and never_installed not in e]
    assert without == []


@pytest.mark.parametrize("requirement", required(), ids=str)
def test_the_lock_covers_what_the_project_requires(requirement: Requirement) -> None:
    version = locked_versions("requirements.lock").get(canonicalize_name(requirement.name))
    assert version is not None, "run: make lock"
    assert requirement.specifier.contains(version, prereleases=True), f"{version} is locked; run: make lock"


@pytest.mark.parametrize("text", PROJECT["build-system"]["requires"])
def test_the_build_lock_covers_what_the_build_requires(text: str) -> None:
    requirement = Requirement(text)
    version = locked_versions("scripts/build.lock")[canonicalize_name(requirement.name)]
    assert requirement.specifier.contains(version, prereleases=True)


@pytest.mark.parametrize(
    "script",
    [".ci/run", *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "scripts").glob("*.sh"))],
)
def test_scripts_can_be_executed_and_parse(script: str) -> None:
    path = ROOT / script
    assert path.stat().st_mode & 0o111, f"chmod +x {script}"
    shell = "bash" if "bash" in path.read_text(encoding="utf-8").splitlines()[0] else "sh"
    subprocess.run([shell, "-n", str(path)], check=True)


def test_make_help_lists_every_target() -> None:
    targets = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M)
    assert targets is not None
    shown = subprocess.run(["make", "-s", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in shown.splitlines()} == set(targets[1].split())
