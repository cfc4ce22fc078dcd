"""A recorded call to a model, whoever recorded it: what a replay reads."""

from typing import NamedTuple

from tierrouter_core.names import Dialect, TurnKind
from tierrouter_core.routing.variables import Value
from tierrouter_core.turn import MAIN_AGENT


class ReplayCall(NamedTuple):
    """One call. A tuple, since there are tens of thousands of them.

    Calls of one agent stand in the order in which they were made; agents and sessions may be mixed.
    """

    session: str
    agent: str
    """``main``, or a subagent's id."""
    turn: int
    """Counts the agent's calls from 0."""
    prompt_idx: int
    """Counts the agent's prompts from 0; the calls of one tool loop share it."""
    t_rel_s: float
    """Seconds since the session began."""
    model: str
    """Who served it, as it was recorded."""
    input_tokens: int
    """Uncached input; the whole input is this and the two next."""
    cache_creation_tokens: int
    cache_read_tokens: int
    output_tokens: int
    """Hidden reasoning included."""
    kind: TurnKind = TurnKind.TOOL_LOOP
    parent_agent: str = ""
    """Who started the subagent; empty for ``main``, and where nobody wrote it down."""
    dialect: Dialect = Dialect.MESSAGES
    """What the agent speaks."""
    thinking: bool = False
    """Whether the answer held thinking: in a tool loop an Anthropic model signs it, and then wants to go on itself."""
    compacted: bool = False
    """Whether the conversation was compacted just before it."""
    hint: str = ""
    """The tier that the agent asks for with this call; empty where it does not."""
    signals: tuple[tuple[str, Value], ...] = ()
    """Variables of rules that the recording tells, as they were when the call was made."""

    @property
    def context_tokens(self) -> int:
        """The whole input."""
        return self.input_tokens + self.cache_creation_tokens + self.cache_read_tokens

    @property
    def is_main(self) -> bool:
        """Whether it is no subagent's."""
        return self.agent == MAIN_AGENT
