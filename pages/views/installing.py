"""What browsers ask for beside pages: the service worker, and what an installed app is called."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_safe

#: (file, sizes, purpose); the one for masks has its sign inside the circle that is always left.
_ICONS: Final = (
    ("assentry/icon.svg", "any", "any"),
    ("assentry/icon-192.png", "192x192", "any"),
    ("assentry/icon-512.png", "512x512", "any"),
    ("assentry/icon-mask-512.png", "512x512", "maskable"),
)


@require_safe
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker, for the whole site: browsers look for a newer one whenever they may."""
    response = HttpResponse(_worker(), content_type="text/javascript; charset=utf-8")
    response.headers["Service-Worker-Allowed"] = reverse("inbox")
    response.headers["Cache-Control"] = "no-cache"
    return response


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """The web app manifest."""
    response = HttpResponse(_manifest(), content_type="application/manifest+json")
    response.headers["Cache-Control"] = "max-age=3600"
    return response


@cache
def _worker() -> bytes:
    found = finders.find("assentry/sw.js")
    if not isinstance(found, str):
        raise FileNotFoundError("assentry/sw.js")
    return Path(found).read_bytes()


@cache
def _manifest() -> bytes:
    return msgspec.json.encode(
        {
            "id": reverse("inbox"),
            "name": "Assentry",
            "short_name": "Assentry",
            "description": "Asks people before agents act",
            "start_url": reverse("inbox"),
            "scope": reverse("inbox"),
            "display": "standalone",
            "background_color": "#fbfbfa",
            "theme_color": "#146b41",
            "icons": [
                {
                    "src": static(name),
                    "sizes": sizes,
                    "type": "image/svg+xml" if name.endswith(".svg") else "image/png",
                    "purpose": purpose,
                }
                for name, sizes, purpose in _ICONS
            ],
        }
    )
