"""A short chaos run, as part of every integration run; ``make chaos`` is the long one."""

from chaos.report import text
from chaos.run import ChaosRun, Settings


async def test_nothing_is_lost_doubled_mixed_or_forged_when_everything_goes_wrong_at_once(tmp_path):
    settings = Settings(turns=300, seed=2, clients=(16, 24), readings=2, rest_s=0, restarts=2, final_turns=40)
    result = await ChaosRun(settings, tmp_path).go()
    assert not result.violations, text(result)
    assert len(result.seens) > 300
    assert result.recovery_s is not None
    assert result.events["sidecar stopped by SIGKILL under load"] == 1
    assert result.events["sidecar stopped by SIGTERM under load"] == 1
    assert len(result.faults) > 10
