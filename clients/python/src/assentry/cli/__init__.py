"""The command line: ask, wait, list, run what was approved, and forward outcomes.  It never decides."""
