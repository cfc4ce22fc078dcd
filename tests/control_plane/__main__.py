"""``python -m control_plane``: gets the programs before the tests start, where the wait can be seen."""

import os
import sys

from control_plane.binaries import ControlPlaneFailed, ControlPlaneMissing, are_required, binaries


def main() -> int:
    if os.environ.get("TIERROUTER_TEST_KUBECONFIG"):
        print("control plane: the cluster of TIERROUTER_TEST_KUBECONFIG")
        return 0
    try:
        folder = binaries(say=lambda line: print(line, flush=True))
    except ControlPlaneMissing as missing:
        print(missing if are_required() else f"{missing}; skipping what needs it", file=sys.stderr)
        return 1 if are_required() else 0
    except ControlPlaneFailed as failed:
        print(failed, file=sys.stderr)
        return 1
    print(f"control plane: {folder}")
    return 0


sys.exit(main())
