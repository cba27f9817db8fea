"""Bodies of the API: strict JSON, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from api.prefer import require_json
from core import strict_json


class StrictJSONParser(BaseParser):
    """Reads JSON with exactly one meaning (`core.strict_json`)."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """The value of the body.

        Raises:
            Problem: 415 for what is not plain JSON by its own words; 400 or 413, see
                `core.strict_json.loads`.
        """
        headers = (parser_context or {})["request"].headers
        require_json(media_type, headers.get("Content-Encoding"))
        return strict_json.loads(stream.read(strict_json.MAX_BYTES + 1))
