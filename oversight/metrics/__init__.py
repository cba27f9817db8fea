"""Numbers of the whole server for Prometheus, read from the database when it asks."""
