"""Figures as people read them at a glance."""

from decimal import Decimal
from typing import Final

from tierrouter_core.spend.report_text import percent, tokens

__all__ = ["counted", "hours", "money", "pace", "percent", "places_for", "seconds", "span", "tokens"]

CENTS: Final = 2
FINE: Final = 4


def places_for(*amounts_usd: float) -> int:
    """How many places amounts that stand below each other have: cents, or more while all of them are small."""
    return CENTS if max(map(abs, amounts_usd), default=0.0) >= 1 else FINE


def money(amount_usd: float, places: int = CENTS) -> str:
    """``$1,234.50``, with four places ``$0.0213``; what is more than nothing never reads as nothing."""
    if not amount_usd:
        return "$0.00" if places == CENTS else "$0"
    least = 10**-places
    sign, size = ("-" if amount_usd < 0 else ""), Decimal(repr(abs(amount_usd)))
    if 0 < size < Decimal(least).quantize(Decimal(1).scaleb(-places)):
        return f"{'>-' if sign else '<'}${least:.{places}f}"
    return f"{sign}${size:,.{places}f}"


def counted(count: int, noun: str) -> str:
    """``1 turn``, ``1,204 turns``."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def pace(per_minute: float) -> str:
    """``12 a minute``, ``0.4 a minute``."""
    if not per_minute:
        return "none lately"
    return f"{per_minute:,.0f} a minute" if per_minute >= 9.95 else f"{per_minute:.1f} a minute"


def seconds(value_s: float | None) -> str:
    """``0.35 s``, ``2.1 s``, ``84 s``; a dash for what is not known."""
    if value_s is None:
        return "–"
    places = 2 if value_s < 0.995 else 1 if value_s < 9.95 else 0
    return f"{value_s:.{places}f} s"


def hours(value_s: float) -> str:
    """A window: ``24 h``, ``7 d``; shorter ones as :func:`span`."""
    return f"{value_s / 3600:g} h" if value_s % 3600 == 0 and value_s <= 172_800 else span(value_s)


def span(value_s: float) -> str:
    """``40 s``, ``12 min``, ``2 h 14 min``, ``3 d 4 h``."""
    whole = int(value_s)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86_400:
        hours, minutes = divmod(whole // 60, 60)
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(whole // 3600, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
