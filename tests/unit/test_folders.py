"""What the folders of the project must not hold."""

from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_folder_operator_is_no_package_for_it_would_hide_pythons_own() -> None:
    assert (ROOT / "operator" / "tierrouter_operator").is_dir()
    assert not (ROOT / "operator" / "__init__.py").exists()
