"""How deep edited code is nested, whatever language it is in."""

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tierrouter_core.signals.tools import Edit
from tierrouter_sidecar.nesting import MOST_CODE, nesting_of

CODE = {
    "a.py": (4, "class A:\n    def f(self):\n        for x in y:\n            if x:\n                pass\n"),
    "b.py": (
        2,
        "        for x in y:\n            if x:\n                pass\n            elif y:\n                pass\n",
    ),
    "c.js": (3, "function f() { if (a) { while (b) { c() } } else if (d) { e() } else if (g) { h() } }"),
    "d.ts": (3, "class A { f(): void { [1].map((x) => x + 1) } }"),
    "e.tsx": (2, "const A = () => { if (a) { return <b>x</b> } return null }"),
    "f.go": (3, "package a\nfunc f() { for { if a { b() } else if c { d() } } }"),
    "g.rs": (3, "impl A { fn f() { match a { _ => {} } } }"),
    "h.java": (4, "class A { void f() { try { for (;;) { } } finally { } } }"),
    "i.c": (3, "int f() { while (1) { if (a) { } } }"),
    "j.cpp": (3, "namespace n { class A { void f() { } }; }"),
    "k.cs": (3, "class A { void F() { foreach (var x in y) { } } }"),
    "l.rb": (3, "class A\n  def f\n    if a\n      b\n    end\n  end\nend\n"),
    "m.php": (2, "<?php function f() { foreach ($a as $b) { } }"),
    "n.txt": (0, "if (a) { if (b) { } }"),
    "o.md": (0, "# if"),
}


@pytest.mark.parametrize("path", CODE)
def test_levels_are_counted_in_every_language(path: str) -> None:
    depth, code = CODE[path]
    assert nesting_of([Edit(path, "", code)]) == depth


def test_the_deepest_of_several_edits_counts() -> None:
    edits = [Edit(path, "", code) for path, (_, code) in CODE.items()]
    assert nesting_of(edits) == max(depth for depth, _ in CODE.values())
    assert nesting_of([]) == 0
    assert nesting_of([Edit("a.py", "x", "")]) == 0


def test_half_a_function_has_the_depth_that_it_shows() -> None:
    whole = CODE["a.py"][1]
    fragment = textwrap.indent("if a:\n    while b:\n        c()\n", "            ")
    assert nesting_of([Edit("a.py", "", fragment)]) == 2
    assert nesting_of([Edit("a.py", "", whole[: len(whole) // 2])]) <= 4


def test_only_so_much_is_looked_at() -> None:
    long = "x = 1\n" * (MOST_CODE // 6 + 1)
    assert nesting_of([Edit("a.py", "", long), Edit("b.py", "", "if a:\n    pass\n")]) == 0


@given(st.sampled_from(list(CODE)), st.text(st.characters(codec="utf-8"), max_size=200))
def test_whatever_is_written_is_looked_at_without_an_error(path: str, text: str) -> None:
    assert nesting_of([Edit(path, "", text)]) >= 0


def test_absurdly_deep_code_ends() -> None:
    assert nesting_of([Edit("a.js", "", "(" * 20_000)]) == 0
    assert nesting_of([Edit("a.py", "", "".join(f"{' ' * n}if a:\n" for n in range(150)))]) > 50
