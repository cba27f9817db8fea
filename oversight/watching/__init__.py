"""Watching that the clock does its work, and telling the outside world only while it does."""
