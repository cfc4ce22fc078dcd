"""What is asked for, and what is taken from an answer. Fenced code blocks carry it: every model writes them.

A file stands in a block whose first line names it, ``path=shop/cart.py`` after the language. Taken too: the bare path
there, a path of the task's alone on the line before, and, where one file is asked for, the last block without a path.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tierrouter_evaluation.suites.suite_file import Task

_MAX_ANSWER_CHARS: Final = 2 * 1024 * 1024
_OPENING: Final = re.compile(r"^ {0,3}(`{3,}|~{3,})[ \t]*([^`\n]*?)[ \t]*$")
_LANGUAGES: Final = {".py": "python", ".json": "json", ".md": "markdown", ".csv": "csv", ".toml": "toml", ".sql": "sql"}


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced code block that is closed."""

    info: str
    """What stands behind the opening fence."""
    before: str
    """The last line with text before it."""
    content: str


def prompt_of(task: Task) -> str:
    """All that is sent for a task."""
    parts = [task.prompt.strip()]
    if task.files:
        shown = [_fenced(path, content) for path, content in task.files.items()]
        parts.append("The files that there are:\n\n" + "\n\n".join(shown))
    if task.answer_files:
        names = ", ".join(task.answer_files)
        example = _fenced(task.answer_files[0], "...\n")
        parts.append(
            f"Answer with the whole content of {names}: each file in a fenced code block of its own whose first line "
            f"names its path, like this:\n\n{example}\n\nOnly these blocks are read. Python has its standard library "
            "and nothing else."
        )
    else:
        parts.append("End your answer with a fenced code block that holds the result and nothing else.")
    return "\n\n".join(parts) + "\n"


def files_from(text: str, task: Task) -> dict[str, str]:
    """The files that an answer gives, of those that were asked for; of several of one name the last."""
    found: dict[str, str] = {}
    unnamed = []
    for block in blocks_of(text):
        path = _path_of(block, task.answer_files)
        if path in task.answer_files:
            found[path] = block.content
        elif not path:
            unnamed.append(block.content)
    if not found and unnamed and len(task.answer_files) == 1:
        found[task.answer_files[0]] = unnamed[-1]
    return found


def result_from(text: str) -> str:
    """The result: what the last block holds, or the whole answer where there is none."""
    blocks = list(blocks_of(text))
    return (blocks[-1].content if blocks else text).strip()


def blocks_of(text: str) -> Iterator[Block]:
    """The closed code blocks. One that is cut off is none: what it would have held is not known."""
    fence = info = before = last = ""
    lines: list[str] = []
    for line in text[:_MAX_ANSWER_CHARS].splitlines():
        if not fence:
            opening = _OPENING.match(line)
            if opening:
                fence, info, before, lines = opening[1], opening[2], last, []
            elif line.strip():
                last = line.strip()
        elif (bare := line.strip()).startswith(fence) and not bare.strip(fence[0]):
            yield Block(info, before, "".join(f"{each}\n" for each in lines))
            fence = last = ""
        else:
            lines.append(line)


def _path_of(block: Block, asked: Sequence[str]) -> str:
    """Empty for none."""
    named = re.search(r"\b(?:path|file|filename|title)\s*[=:]\s*[\"']?([^\"'\s,]+)", block.info)
    if named:
        return named[1].removeprefix("./")
    for word in re.split(r"[\s:]+", block.info):
        if word.removeprefix("./") in asked:
            return word.removeprefix("./")
    heading = block.before.strip("#*`:_ \t").removeprefix("./")
    return heading if heading in asked else ""


def _fenced(path: str, content: str) -> str:
    longest = max((len(found) for found in re.findall(r"^`{3,}", content, re.M)), default=2)
    fence = "`" * (longest + 1)
    language = next((name for suffix, name in _LANGUAGES.items() if path.endswith(suffix)), "text")
    return f"{fence}{language} path={path}\n{content.rstrip()}\n{fence}"


def overlaid(files: Mapping[str, str], answer: Mapping[str, str]) -> dict[str, str]:
    """The task's files with the answer's in their places."""
    return {**files, **answer}
