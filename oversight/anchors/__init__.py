"""Anchors: checkpoints laid down outside the database, where who owns the database cannot change them."""
