"""The OpenAPI document, and the same as a page."""

from __future__ import annotations

import json

import msgspec
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from rest_framework.request import Request

from api.doors import OpenDoor, answer
from api.openapi import DESCRIPTION, document, schemas
from api.operations import ERRORS, OPERATIONS


class OpenApi(OpenDoor):
    """``/openapi.json``"""

    def get(self, request: Request) -> HttpResponse:
        """The document."""
        return answer(request, msgspec.json.encode(document()))


@require_safe
def docs_page(request: HttpRequest) -> HttpResponse:
    """The reference as one page of plain HTML: nothing is loaded, and nothing runs."""
    errors = {name: {"status": status, "codes": codes} for name, (status, codes) in ERRORS.items()}
    context = {
        "introduction": DESCRIPTION.split("\n\n"),
        "operations": [
            {
                "about": operation,
                "errors": [errors[name] for name in operation.errors],
                "example": json.dumps(operation.example, indent=2, ensure_ascii=False)
                if operation.example
                else "",
            }
            for operation in OPERATIONS
        ],
        "schemas": [
            {"name": name, "text": json.dumps(schema, indent=2, ensure_ascii=False)}
            for name, schema in schemas().items()
        ],
    }
    return render(request, "api/docs.html", context)
