"""The process that runs the embedded model: ``python -m tierrouter_sidecar.embedded.child``.

    stdin    one JSON line of settings (:mod:`.settings`), then held open by the parent for as long as it lives
    stdout   one JSON line, ``{"base_url": "http://127.0.0.1:PORT"}``, once requests are served
    stderr   llama.cpp's log, errors only

The key comes through stdin because every local process can read the arguments of every other. The end of stdin is
the order to leave: a pipe is closed by the kernel however the parent ends, kill -9 included. (Linux's
``PR_SET_PDEATHSIG`` would not do: it fires when the *thread* that started the child ends.)
"""

import json
import os
import sys
import threading
from typing import Any

from tierrouter_sidecar.embedded.settings import Settings

LOG_ERRORS_ONLY = 1
PROMPT_CACHE_MIB = 256


def server_params(params: Any, settings: Settings) -> Any:
    """Fills in llama.cpp's ``CommonParams``; sampling stays at the server's defaults."""
    params.model.path = settings.model_path
    params.model_alias = {settings.model_name}
    params.n_ctx = settings.context_window
    params.n_parallel = 1  # more slots would divide the context window between them
    params.use_jinja = True
    params.warmup = False
    # A model of this size is quick on any processor; a graphics card would cost start-up time and surprises.
    params.n_gpu_layers = 0
    params.fit_params = False
    params.cache_ram_mib = PROMPT_CACHE_MIB

    params.hostnames = ["127.0.0.1"]
    params.port = 0  # the kernel picks a free one
    params.api_keys = [settings.api_key]
    params.ui = False
    params.endpoint_slots = False  # it would show other callers' prompts
    params.cors_origins = ""
    params.cors_credentials = False
    params.verbosity = LOG_ERRORS_ONLY
    return params


def _leave_with_the_parent() -> None:
    # Not sys.exit: threads of native code are running, and nothing here needs a clean-up.
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    """Serves until stdin ends."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = os.read(0, 1)  # unbuffered, so that nothing of stdin is taken from the watching thread
        if not byte:
            return
        line += byte
    settings = Settings.from_line(bytes(line))
    threading.Thread(target=_leave_with_the_parent, name="parent-watch", daemon=True).start()

    # Native code prints to file descriptor 1 as it likes; the report gets a private copy first.
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    import xllamacpp

    try:
        server = xllamacpp.Server(server_params(xllamacpp.CommonParams(), settings))
    except RuntimeError as error:
        sys.exit(f"llama.cpp could not serve {settings.model_path}: {error}")
    report.write(json.dumps({"base_url": server.listening_address}) + "\n")
    report.close()
    sys.stdout = sys.stderr
    threading.Event().wait()


if __name__ == "__main__":
    main()
