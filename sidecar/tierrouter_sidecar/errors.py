"""The sidecar's errors; each message is for a person."""

from tierrouter_core.errors import TierRouterError


class StartError(TierRouterError):
    """The sidecar can't start as it was asked to: a port in use, a folder that can't be written."""


class CredentialError(TierRouterError):
    """A provider's key is missing or can't be read."""


class PolicyError(TierRouterError):
    """The service that judges answers has said something that is no judgement."""
