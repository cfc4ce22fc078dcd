"""Instructions in mid-conversation, for models that take them only at its start.

They are never moved to the start: that would change the prompt's head with every turn, and no cache would hold. They
join the user's side where they stand: the message before, its last tool result where it has nothing else, or the next
message where the model spoke before.
"""

from collections.abc import Sequence

from tierrouter_core.wire.model import Message, Part, Result, Role, Text


def folded(messages: list[Message]) -> list[Message]:
    """``messages`` without any of the system's; the ones that stay as they were are the same objects."""
    if not any(message.role is Role.SYSTEM for message in messages):
        return messages
    out: list[Message] = []
    waiting: list[Part] = []
    for message in messages:
        if message.role is Role.SYSTEM:
            if out and out[-1].role is Role.USER:
                out[-1] = _appended(out[-1], message.parts)
            else:
                waiting += message.parts
        elif message.role is Role.USER and waiting:
            # Results have to stay first, right after their calls.
            results = [part for part in message.parts if isinstance(part, Result)]
            others = [part for part in message.parts if not isinstance(part, Result)]
            out.append(_appended(Message(Role.USER, list(results)), waiting) if not others else
                       Message(Role.USER, [*results, *waiting, *others]))  # fmt: skip
            waiting = []
        else:
            if waiting and message.role is Role.ASSISTANT:
                out.append(Message(Role.USER, waiting))
                waiting = []
            out.append(message)
    if waiting:
        out.append(Message(Role.USER, waiting))
    return out


def placed(messages: list[Message]) -> list[Message]:
    """``messages`` for a model that takes the system's among them, where its vendor allows it.

    That is after the user's side and before the model's, or at the end; elsewhere they are folded.
    """
    stays = {
        index
        for index, message in enumerate(messages)
        if message.role is Role.SYSTEM
        and index > 0
        and messages[index - 1].role is Role.USER
        and (index + 1 == len(messages) or messages[index + 1].role is Role.ASSISTANT)
    }
    out: list[Message] = []
    start = 0
    for index in sorted(stays):
        out += [*folded(messages[start:index]), messages[index]]
        start = index + 1
    return [*out, *folded(messages[start:])]


def _appended(message: Message, parts: list[Part]) -> Message:
    last = message.parts[-1] if message.parts else None
    if isinstance(last, Result):
        result = Result(last.at, last.call_id, [*last.parts, *parts], last.is_error)
        return Message(message.role, [*message.parts[:-1], result])
    return Message(message.role, [*message.parts, *parts])


def merged(messages: list[Message]) -> list[Message]:
    """``messages`` with neighbours of one role made one, but for results, which never move to an earlier message.

    Empty messages are gone.
    """
    out: list[Message] = []
    for message in messages:
        if not message.parts:
            continue
        if out and out[-1].role is message.role and not isinstance(message.parts[0], Result):
            out[-1] = Message(message.role, [*out[-1].parts, *message.parts])
        else:
            out.append(message)
    return out


def texts_of(parts: Sequence[Part]) -> list[str]:
    """The texts among ``parts``."""
    return [part.text for part in parts if isinstance(part, Text)]
