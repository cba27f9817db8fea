"""How fast the product is, each figure beside a limit measured in the same run (docs/performance.md)."""
