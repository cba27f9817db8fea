"""The product's worker on a host whose clock is so many seconds off: ``python -m … 3600``."""

from __future__ import annotations

import runpy
import sys
import time

SHIFT_S = float(sys.argv[1])
_time, _time_ns = time.time, time.time_ns
time.time = lambda: _time() + SHIFT_S
time.time_ns = lambda: _time_ns() + int(SHIFT_S * 1_000_000_000)

if __name__ == "__main__":
    sys.argv = ["config.worker"]
    runpy.run_module("config.worker", run_name="__main__")
