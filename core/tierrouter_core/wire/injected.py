"""Text that agents put into user messages by themselves, and how to tell it from what a person wrote.

The list is data: agents add to it with every release. Text that starts with one of the prefixes is not the user's;
where the prefix opens a tag, what stands behind the closing tag is looked at again.
"""

import re

CUT_OFF_PREFIX = "Your response above was cut off mid-stream."
"""Claude Code's own words after a broken stream: the same answer is asked for again."""
INTERRUPTED_PREFIX = "[Request interrupted by user"
"""Stands between tool results and a new prompt when the user stopped a loop."""

INJECTED_PREFIXES: tuple[str, ...] = (
    "<system-reminder>",
    "<task-notification>",
    "[SYSTEM NOTIFICATION - NOT USER INPUT]",
    CUT_OFF_PREFIX,
    "<environment_context>",
    "<user_instructions>",
    "<skills_instructions>",
    "<multi_agent_",
    "# AGENTS.md",
    "<command-",
    "<local-command-",
    "Caveat:",
    "This session is being continued from a previous conversation",
    "Another language model started to solve this problem and produced a summary",
)

_TAG = re.compile(r"<([A-Za-z][\w-]*)")


def without_injected(text: str) -> str:
    """What a person wrote in ``text``: injected blocks at its beginning removed, white space stripped."""
    rest = text.lstrip()
    while rest.startswith(INJECTED_PREFIXES):
        tag = _TAG.match(rest)
        if tag is None:
            return ""
        closing = f"</{tag[1]}>"
        _, found, rest = rest.partition(closing)
        if not found:
            return ""
        rest = rest.lstrip()
    return rest.rstrip()
