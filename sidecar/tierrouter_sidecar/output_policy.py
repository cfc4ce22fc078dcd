"""Asks the user's own service about answers when they are over: is this one to be flagged?

Nobody waits for it: the answer is with the client. What the service says is known to the session's next turn, as
``turn.output_flagged``, unless that is faster. It gets the answer's text, and nothing of the prompt.
"""

import asyncio
import logging
from collections.abc import Callable

import orjson

from tierrouter_core.document.model import OutputPolicy, Provider
from tierrouter_core.observability import sidecar as m
from tierrouter_core.wire.translate import text_of_answer
from tierrouter_sidecar.answer import read_body
from tierrouter_sidecar.errors import PolicyError
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

    def judge(self, record: TurnRecord, kept: KeptAnswer, flag: Callable[[], None]) -> None:
        """Have an answer judged; ``flag`` is called where it is to be flagged."""
        policy = record.in_force.document.output_policy
        assert policy is not None
        if len(self._asking) >= _MOST_ASKED:
            self._failed(policy, "too many answers wait to be judged", record.turn_id, flag)
            return
        task = asyncio.ensure_future(self._judge(policy, record, kept, flag))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def settled(self) -> None:
        """Wait until nothing is asked any more."""
        while self._asking:
            await asyncio.wait(self._asking)

    async def _judge(
        self, policy: OutputPolicy, record: TurnRecord, kept: KeptAnswer, flag: Callable[[], None]
    ) -> None:
        text = text_of_answer(record.request.dialect, kept.data, streamed=kept.streamed)
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
