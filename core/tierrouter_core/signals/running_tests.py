"""Whether a command line runs tests: by the program that each of its commands starts, not by words that it holds.

``cat pytest.ini``, ``pip install pytest`` and ``git commit -m "make test pass"`` run none.
"""

import re
from typing import Final

LONGEST_COMMAND: Final = 8 * 1024
"""Characters of a command line that are looked at."""

_MARKS: Final = ("test", "tox", "nox", "mocha", "rspec", "jest", "phpunit", "check", "verify")
"""One of them is in whatever runs tests: looking for them is much faster."""
_FOLDER = r"""(?:["']?[^\s"'=(]*/)?"""
_RUNS_TESTS: Final = re.compile(
    rf"""
    [|;&\n(`{{,]                                                # Behind it a command begins,
    (?:(?<!,)|(?=\s*["']?(?:cmd|command)["']?\s*:))             # but behind a comma only {{..., cmd: "..."}}.
    \s*(?:["']?(?:cmd|command)["']?\s*:[\s\["'`]*)?
    (?:(?:                                                      # What starts the program,
        \w+=(?:"[^"]*"|'[^']*'|[^\s"']*)
        | {_FOLDER}(?:
            (?:ba|z|da)?sh["']?[\s,]+["']?-\w*c["']?
            | env | exec | nice | nohup | sudo | time | timeout | xvfb-run
            | python[\d.]* | py | npx | bunx | uvx
        )
        | (?:uv|poetry|pipenv|pdm|hatch|rye|pixi|conda|coverage|npm|pnpm|yarn|bun)\s+run
        | (?:bundle|npm|pnpm|yarn)\s+exec
        | (?:pnpm|yarn)(?:\s+dlx)?
        | if | then | else | do | while | until | !
        | -\S+(?:\s+[^-\s]\S*)? | \d\S*                         # with what it is told itself,
    )[\s,]+["']?)*
    (?:(?:docker|docker-compose|podman|kubectl)\s+(?:compose\s+)?(?:exec|run)\s+(?:\S+\s+){{0,30}}?)?
    {_FOLDER}
    (?:                                                         # and the program.
        (?:pytest|py\.test|unittest|tox|nox|jest|vitest|mocha|rspec|phpunit|ctest|gotestsum)(?=[\s|;&@"',)`]|>(?!=)|$)
        | (?:
            (?:go|cargo|npm|pnpm|yarn|bun|deno|mix|dotnet|swift|bazel)
            (?!\s+(?:add|build|check|clippy|fmt|get|i|install|mod|remove|vet)\b)
            | make | mvnw? | gradlew? | sbt | rake
        )\s[^|;&\n]*\b(?:nex)?tests?\b
        | (?:make|mvnw?|gradlew?)\s[^|;&\n]*\b(?:check|verify)\b
    )""",
    re.VERBOSE,
)


def runs_tests(command: str) -> bool:
    """Whether a command line runs tests."""
    looked_at = "\n" + command[:LONGEST_COMMAND]
    return any(mark in looked_at for mark in _MARKS) and _RUNS_TESTS.search(looked_at) is not None
