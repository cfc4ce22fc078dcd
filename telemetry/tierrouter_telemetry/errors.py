"""Errors of telemetry."""

from tierrouter_core.errors import TierRouterError


class TelemetryError(TierRouterError):
    """What was asked for can't be had."""
