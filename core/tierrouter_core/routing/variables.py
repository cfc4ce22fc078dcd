"""The variables that expressions may use, each once: name, type, default, meaning (design section 5.2).

None is ever null: what is not known has its default. ``docs/routing.md`` is checked against these tables.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

Value = bool | int | str


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable of expressions."""

    name: str
    default: Value | tuple[str, ...]
    meaning: str
    from_header: bool = False
    """Whether an agent may set it by ``x-tierrouter-task``."""

    @property
    def type_name(self) -> str:
        """CEL's name of the type: ``bool``, ``int``, ``string`` or ``list(string)``."""
        return {bool: "bool", int: "int", str: "string", tuple: "list(string)"}[type(self.default)]


TIER_VARIABLE: Final = "session.tier"
"""The one that the decision itself knows."""
PLANNING_VARIABLE: Final = "task.complex_planning"
"""The one that an expression of the user's own answers, where the agent doesn't: ``hooks.isComplexPlanning``."""

_TABLE = (
    Variable("task.file_count", 0, "distinct files edited since the prompt began", from_header=True),
    Variable("task.files_read", 0, "distinct files read since the prompt began", from_header=True),
    Variable("task.ast_depth", 0, "deepest syntax nesting in code that was edited", from_header=True),
    Variable("task.refactoring", False, "the user's text asks for a refactoring", from_header=True),
    Variable("task.tool_chain_length", 0, "tool calls since the last user message", from_header=True),
    Variable("task.planning_depth", 0, "items in the current plan", from_header=True),
    Variable(
        PLANNING_VARIABLE, False, "the agent, or `hooks.isComplexPlanning`, says that it is complex", from_header=True
    ),
    Variable("task.sandboxed", False, "the agent says that the task runs in a sandbox", from_header=True),
    Variable("turn.kind", "user", "user, tool_loop, automatic, continuation, compaction or utility"),
    Variable("turn.agent", "main", "main or subagent"),
    Variable("turn.output_flagged", False, "the previous answer was refused, filtered or flagged"),
    Variable("turn.context_tokens", 0, "estimated input tokens of this request"),
    Variable("turn.has_images", False, "the request holds an image"),
    Variable("turn.dialect", "", "OpenAIChat, OpenAIResponses or AnthropicMessages"),
    Variable("turn.requested_model", "", "the model name that the agent asked for"),
    Variable("session.tool_errors_in_a_row", 0, "tool results in a row that were errors"),
    Variable("session.failing_tests_in_a_row", 0, "test runs in a row that failed"),
    Variable("session.repeated_calls", 0, "how often the same call was made, or one file edited in vain"),
    Variable("session.undone_edits", 0, "edits that put back what an edit had changed"),
    Variable("session.calls_in_task", 0, "model calls since the prompt began, this one included"),
    Variable("session.calls", 0, "model calls of the session so far, this one included"),
    Variable("session.cost_usd_micros", 0, "what the session has cost so far, in millionths of a dollar"),
    Variable(TIER_VARIABLE, "", "the tier that serves the prompt in progress; empty where one begins"),
)

_OF_RESPONSES = (
    Variable("response.status", 200, "the HTTP status; 200 also for an error inside of an answer that began well"),
    Variable("response.failure", "", "how it failed, by the names of docs/reliability.md; empty for an answer"),
    Variable("response.error", "", "the provider's words about a failure, the first 4,096 characters"),
    Variable("response.text", "", "what the model said to the user, of the answer's first MiB"),
    Variable("response.finish", "", "why it ended: stop, stop_sequence, tool_calls, length, refusal, content_filter"),
    Variable("response.tools", (), "the names of the tools that it calls"),
    Variable("response.input_tokens", 0, "its whole input, cached or not"),
    Variable("response.output_tokens", 0, "what was generated, reasoning included"),
    Variable("response.reasoning_tokens", 0, "of it, reasoning"),
    Variable("response.tier", "", "the tier that was asked"),
    Variable("response.model", "", "its model, by your name for it"),
    Variable("response.provider", "", "its provider"),
)

VARIABLES: Final[Mapping[str, Variable]] = {variable.name: variable for variable in _TABLE}
FEATURES: Final[Mapping[str, Variable]] = {
    name: variable for name, variable in VARIABLES.items() if name not in (TIER_VARIABLE, PLANNING_VARIABLE)
}
"""Those that are known before anything is decided: what hooks may look at."""
RESPONSE_VARIABLES: Final[Mapping[str, Variable]] = {variable.name: variable for variable in _OF_RESPONSES}
"""What hooks may look at when a provider has answered, beside the turn's own."""
THRESHOLD_PREFIX: Final = "thresholds."
DEFAULTS: Final[Mapping[str, Value]] = {
    name: variable.default for name, variable in VARIABLES.items() if not isinstance(variable.default, tuple)
}


def defaults() -> dict[str, Value]:
    """A fresh set of variables, each at its default."""
    return dict(DEFAULTS)
