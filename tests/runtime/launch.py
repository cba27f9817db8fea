"""Start an embedded PostgreSQL in a process of its own, say where, and wait to be killed.

`python -m tests.runtime.launch DATA exec|stay [once]`
"""

from __future__ import annotations

import sys
import time

from runtime.errors import Refused
from runtime.postgres import EmbeddedPostgres

if __name__ == "__main__":
    postgres = EmbeddedPostgres(sys.argv[1], fsync=False, stay=sys.argv[2] == "stay")
    try:
        postgres.start()
    except Refused as reason:
        sys.exit(f"refused: {reason}")
    sys.stdout.write(f"{postgres.owner_url}\n")
    sys.stdout.flush()
    while "once" not in sys.argv:
        time.sleep(60)
    postgres.stop()
