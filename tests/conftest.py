"""Fixtures for every test: the scriptable provider. (pytest puts this folder on the path, so ``provider`` imports.)"""

from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings

from provider import ScriptedProvider

# Shared machines are slow now and then; a slow example is no defect.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    """A provider that answers as the test tells it to."""
    async with ScriptedProvider() as running:
        yield running
