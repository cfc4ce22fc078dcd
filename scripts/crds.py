"""Write crds/*.yaml, and docs/crds.md, from the declarations of the resources."""

from pathlib import Path

from tierrouter_core.crds.definitions import definitions_by_file
from tierrouter_core.crds.reference import reference
from tierrouter_core.crds.render import render

FOLDER = Path(__file__).parents[1] / "crds"
PAGE = FOLDER.parent / "docs" / "crds.md"


def main() -> None:
    """Write each file, and remove those of kinds that are gone."""
    FOLDER.mkdir(exist_ok=True)
    files = {FOLDER / name: render(definition) for name, definition in definitions_by_file()}
    for stale in set(FOLDER.glob("*.yaml")) - set(files):
        stale.unlink()
    for path, text in files.items():
        path.write_text(text, encoding="utf-8")
    PAGE.write_text(reference(definition for _, definition in definitions_by_file()), encoding="utf-8")


if __name__ == "__main__":
    main()
