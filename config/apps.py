"""The wiring as a Django application: it has no models, and brings the doctor and the checks."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig


class ConfigConfig(AppConfig):
    """Registers the checks once every model is known."""

    name = "config"

    def ready(self) -> None:
        """Make `manage.py check` know ours."""
        import_module("config.checks")
