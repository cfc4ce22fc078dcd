"""What the turn with a number is: who sends it, in what dialect, and what goes wrong with it. Drawn from the seed."""

import random
import re
from dataclasses import dataclass
from enum import StrEnum

from chaos.faults import Fault, draw_fault

TAG = re.compile(rb"turn-(\d{7})")
MOST_ATTEMPTS = 12
"""More calls for one turn than any setting of the run allows."""
SESSIONS_A_TIER = 12
"""The sidecar remembers sessions; were they endless, its memory would rightly grow."""


class Dialect(StrEnum):
    """What a client speaks."""

    CHAT = "Chat"
    RESPONSES = "Responses"
    MESSAGES = "Messages"


class Client(StrEnum):
    """How a client behaves."""

    READS = "reads"
    SLOW = "reads slowly"
    LEAVES_EARLY = "leaves before the answer"
    LEAVES_MIDWAY = "leaves in mid-stream"
    SDK = "official SDK"


TIERS = ("routine", "reasoning", "deep", "local")
_TIER_SHARES = (40, 20, 20, 20)
_CLIENT_SHARES = {
    Client.READS: 74,
    Client.SDK: 13,
    Client.SLOW: 5,
    Client.LEAVES_MIDWAY: 6,
    Client.LEAVES_EARLY: 2,
}
_AGAIN = 0.4
"""How likely the next attempt of a turn fails too that has failed once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnPlan:
    """One turn."""

    number: int
    dialect: Dialect
    stream: bool
    client: Client
    tier: str
    """That it belongs to."""
    session: str
    words: int
    pace_s: float
    """Between two events of a stream."""
    faults: tuple[Fault | None, ...]
    """Of its first, second, ... attempt; those after them are well."""
    leaves_after_s: float
    details: int
    """Seeds what is left to draw: where a stream is cut, how long a pause is."""

    @property
    def tag(self) -> str:
        """Stands in the prompt and is the model asked for, which the ledger keeps."""
        return tag_of(self.number)

    def fault(self, attempt: int) -> Fault | None:
        """What goes wrong with an attempt; they count from 1."""
        return self.faults[attempt - 1] if attempt <= len(self.faults) else None


def tag_of(number: int) -> str:
    """``turn-0000042``."""
    return f"turn-{number:07d}"


def number_in(body: bytes) -> int | None:
    """Which turn a provider's request belongs to."""
    found = TAG.findall(body)
    return int(found[-1]) if found else None


def draw(seed: int, number: int, fault_share: float = 0.2) -> TurnPlan:
    """The turn of that number; equal seeds give equal turns."""
    rng = random.Random(f"{seed}/{number}")
    client = rng.choices(list(_CLIENT_SHARES), list(_CLIENT_SHARES.values()))[0]
    stream = rng.random() < 0.75 or client is Client.LEAVES_MIDWAY
    (tier,) = rng.choices(TIERS, _TIER_SHARES)
    faults: list[Fault | None] = []
    likely = fault_share
    while rng.random() < likely and len(faults) < MOST_ATTEMPTS:
        faults.append(draw_fault(rng, stream=stream))
        likely = _AGAIN if fault_share else 0.0
    words = rng.randint(2, 60)
    pace_s = rng.choice((0.0, 0.0, 0.0, 0.002, 0.01))
    if client is Client.SLOW:
        # More than the sockets on the way can hold.
        words, pace_s = rng.choice((60, 600, 600, 600, 15_000)), 0.0
    if client is Client.LEAVES_MIDWAY:
        words, pace_s = max(words, 30), 0.01
    return TurnPlan(
        number=number,
        dialect=rng.choice(list(Dialect)),
        stream=stream,
        client=client,
        tier=tier,
        session=f"chaos-{tier}-{rng.randrange(SESSIONS_A_TIER)}",
        words=words,
        pace_s=pace_s,
        faults=tuple(faults),
        leaves_after_s=rng.uniform(0.001, 0.25),
        details=rng.getrandbits(32),
    )


def healthy(number: int, dialect: Dialect, tier: str, *, stream: bool) -> TurnPlan:
    """A turn with which nothing goes wrong."""
    return TurnPlan(
        number=number,
        dialect=dialect,
        stream=stream,
        client=Client.READS,
        tier=tier,
        session=f"well-{tier}-{number % SESSIONS_A_TIER}",
        words=20,
        pace_s=0.0,
        faults=(),
        leaves_after_s=0.0,
        details=0,
    )


def words_of(number: int, attempt: int, count: int) -> list[str]:
    """What an attempt answers: no word of it stands in any other attempt's answer, nor twice in this one."""
    return [f"t{number}a{attempt}w{place} " for place in range(count)]


def text_of(number: int, attempt: int, count: int) -> str:
    """The same in one piece."""
    return "".join(words_of(number, attempt, count))
