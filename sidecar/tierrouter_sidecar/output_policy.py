"""Asks the user's own expression, and then the user's own service, about answers that are over: is this to be flagged?

The answer is with the client by then, and nobody waits for the service. What they say is known to the session's next
turn, as ``turn.output_flagged``, unless that is faster than the service. It gets the answer's text, and nothing of the
prompt.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping

import orjson

from tierrouter_core.document.model import OutputPolicy, Provider
from tierrouter_core.observability import sidecar as m
from tierrouter_core.routing.hooks import Response, ResponseHook
from tierrouter_core.routing.variables import Value
from tierrouter_core.wire.read_answer import Answered, read_answer
from tierrouter_sidecar.answer import read_body
from tierrouter_sidecar.errors import PolicyError
from tierrouter_sidecar.hooks import says_yes
from tierrouter_sidecar.kept import KeptAnswer
from tierrouter_sidecar.metrics import Metrics
from tierrouter_sidecar.record import TurnRecord
from tierrouter_sidecar.upstream import AttemptFailed, Upstream

log = logging.getLogger("tierrouter")

_MOST_ASKED = 64
"""Answers that may wait to be judged; more are taken as if the service had failed."""
_NAME = "the output policy"


class OutputJudge:
    """Judges answers in the background."""

    def __init__(self, upstream: Upstream, metrics: Metrics) -> None:
        self._upstream = upstream
        self._metrics = metrics
        self._asking: set[asyncio.Task[None]] = set()

    def judge(self, record: TurnRecord, turn: Mapping[str, Value], flag: Callable[[], None]) -> None:
        """Have an answer judged; ``flag`` is called where it is to be flagged.

        Args:
            turn: the variables of the turn that it answers.
        """
        hook, policy, kept = record.in_force.router.hooks.flagged, record.in_force.document.output_policy, record.kept
        if hook is not None and self._by_expression(hook, record, turn):
            self._metrics.count(m.OUTPUT_POLICY, "flagged")
            flag()
            return
        if policy is None or kept is None:
            if hook is not None:
                self._metrics.count(m.OUTPUT_POLICY, "passed")
            return
        if len(self._asking) >= _MOST_ASKED:
            self._failed(policy, "too many answers wait to be judged", record.turn_id, flag)
            return
        task = asyncio.ensure_future(self._judge(policy, record, kept, flag))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    def _by_expression(self, hook: ResponseHook, record: TurnRecord, turn: Mapping[str, Value]) -> bool:
        target, usage = record.target, record.usage
        if target is None:
            return False
        answered = Answered(text="")
        if record.kept is not None and hook.reads_the_answer:
            answered = read_answer(record.request.dialect, record.kept.data, streamed=record.kept.streamed)
        response = Response(
            tier=target.tier_name,
            model=target.model_name,
            provider=target.provider.name,
            text=answered.text,
            finish=answered.finish,
            tools=answered.tools,
            input_tokens=usage.total_input,
            output_tokens=usage.output,
            reasoning_tokens=usage.reasoning_output,
        )
        return says_yes(hook, response, turn, self._metrics, record.turn_id)

    async def settled(self) -> None:
        """Wait until nothing is asked any more."""
        while self._asking:
            await asyncio.wait(self._asking)

    async def _judge(
        self, policy: OutputPolicy, record: TurnRecord, kept: KeptAnswer, flag: Callable[[], None]
    ) -> None:
        text = read_answer(record.request.dialect, kept.data, streamed=kept.streamed).text
        try:
            async with asyncio.timeout(policy.timeout_ms / 1000):
                flagged = await self._ask(policy, record, text)
        except TimeoutError:
            self._failed(policy, f"it did not answer in {policy.timeout_ms} ms", record.turn_id, flag)
        except (AttemptFailed, PolicyError) as error:
            self._failed(policy, str(error), record.turn_id, flag)
        else:
            self._metrics.count(m.OUTPUT_POLICY, "flagged" if flagged else "passed")
            if flagged:
                flag()

    async def _ask(self, policy: OutputPolicy, record: TurnRecord, text: str) -> bool:
        body = orjson.dumps({"turn": record.turn_id, "session": record.identity.session, "text": text})
        provider = Provider(name=_NAME, base_url=policy.endpoint)
        headers = [("content-type", "application/json"), ("accept", "application/json")]
        failover = record.in_force.document.failover
        answer = await self._upstream.send(provider, "POST", "", headers, body, failover, policy.timeout_ms / 1000)
        try:
            late_s = asyncio.get_running_loop().time() + policy.timeout_ms / 1000
            said = await read_body(answer, _NAME, late_s)
            if answer.status != 200:
                raise PolicyError(f"it answered {answer.status}")
            return _flagged(said)
        finally:
            answer.release()

    def _failed(self, policy: OutputPolicy, why: str, turn_id: str, flag: Callable[[], None]) -> None:
        self._metrics.count(m.OUTPUT_POLICY, "failed")
        closed = policy.on_failure == "Closed"
        log.warning("turn %s: %s could not judge it (%s); it counts as %s", turn_id, _NAME, why,
                    "flagged" if closed else "fine")  # fmt: skip
        if closed:
            flag()


def _flagged(said: bytes) -> bool:
    try:
        parsed = orjson.loads(said)
    except orjson.JSONDecodeError:
        parsed = None
    flagged = parsed.get("flagged") if isinstance(parsed, dict) else None
    if not isinstance(flagged, bool):
        raise PolicyError('its answer is not {"flagged": true} or {"flagged": false}')
    return flagged
