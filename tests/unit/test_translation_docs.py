"""The page on translation says what the code does."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    """The program that makes the page's tables; scripts/ is no package."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        spec = importlib.util.spec_from_file_location("translation_table", ROOT / "scripts" / "translation_table.py")
        assert spec
        assert spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "scripts"))
    return module


def test_the_tables_of_the_page_are_what_the_code_does(tables: ModuleType) -> None:
    page = tables.DOCS.read_text(encoding="utf-8")
    assert tables.with_tables(page) == page, "run: make translation-docs"


def test_nothing_is_dropped_without_a_word_on_any_way(tables: ModuleType) -> None:
    for what, said in tables.REQUESTS.items():
        for source, target in tables.PAIRS:
            tables.request_cell(what, said, source, target)


def test_a_field_that_is_dropped_without_a_word_is_found(tables: ModuleType) -> None:
    source, target = tables.PAIRS[0]
    with pytest.raises(tables.DroppedSilentlyError, match="nothing at all"):
        tables.request_cell("nothing at all", {source: {**tables.PLAIN[source], "stream": False}}, source, target)
