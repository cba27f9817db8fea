"""How fast the product is, each figure beside a limit measured in the same run (docs/performance.md)."""

from __future__ import annotations

import sys
from pathlib import Path

# The Python client is a package of its own, and measured as it lies in the checkout.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "clients" / "python" / "src"))
