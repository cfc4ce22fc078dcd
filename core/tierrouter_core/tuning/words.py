"""A tuned policy in words."""

from tierrouter_core.spend.report_text import percent
from tierrouter_core.tuning.policy import Mix
from tierrouter_core.tuning.router import WrittenRouter
from tierrouter_core.tuning.tune import Estimate, Tuned


def mix_words(mix: Mix) -> str:
    """``70 % small for 8 calls, then large; 30 % large``."""
    return "; ".join(
        str(entry.policy) if entry.weight == 1 else f"{entry.weight * 100:.0f} % {entry.policy}" for entry in mix
    )


def closing_lines(tuned: Tuned) -> list[str]:
    """What is proposed and what to expect of it, a sentence each."""
    if not tuned.is_supported:
        return [*_not_supported(tuned), f"Proposed: {tuned.baseline} alone."]
    expected = tuned.expected
    return [
        f"Proposed: {mix_words(tuned.mix)}.",
        f"Expected on other tasks: quality {_of_baseline(expected)} of {tuned.baseline}'s, saving "
        f"{percent(expected.saving)} (90 % interval {percent(expected.saving_low)} to "
        f"{percent(expected.saving_high)}).",
        f"On these {tuned.tasks:,} tasks it did {percent(tuned.seemed.quality)} and saved "
        f"{percent(tuned.seemed.saving)}; less is expected, for what looks best is lucky too.",
    ]


def proposal_sentence(tuned: Tuned, by: str, router: WrittenRouter) -> str:
    """A policy that the data support in one sentence, for where nothing else is shown.

    Args:
        by: what it was tuned from, such as ``12 runs of suite nightly``.
        router: the file that implements it.
    """
    expected = tuned.expected
    left_out = f"; left out of the router: {', '.join(router.left_out)}" if router.left_out else ""
    return (
        f"tuned from {by} ({tuned.tasks:,} tasks, {len(tuned.singles)} models): is expected to save "
        f"{percent(expected.saving)} (90 % interval {percent(expected.saving_low)} to {percent(expected.saving_high)}) "
        f"of what {tuned.baseline} alone costs, at a quality of {_of_baseline(expected)} of its own; the floor is "
        f"{percent(tuned.floor)}: {mix_words(tuned.mix)}{left_out}"
    )


def _not_supported(tuned: Tuned) -> list[str]:
    lines = [
        f"These {tuned.tasks:,} tasks do not support a floor of {tuned.floor:g}: no policy that is cheaper than "
        f"{tuned.baseline} can be relied on to hold it on other tasks."
    ]
    best = tuned.supported_below
    if best is not None:
        lines.append(
            f"They support a floor of {best.floor:g}: {mix_words(best.mix)}, with an expected quality of "
            f"{_of_baseline(best.expected)} and a saving of {percent(best.expected.saving)}. "
            f"Run more tasks, or take --floor {best.floor:g}."
        )
    else:
        lines.append("Run more tasks, or cheaper models that solve more of them.")
    return lines


def _of_baseline(expected: Estimate) -> str:
    return f"{percent(expected.quality)} (95 % sure of {percent(expected.quality_low)})"
