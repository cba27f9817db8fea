"""Is the OpenAPI document sound?  ``python -m tests.openapi_lint``; exits 1 and says what is not.

The specification's own rules by openapi-spec-validator, and ours: every operation has an id, a
summary, a tag, says how it is authorised, and what its errors look like; nothing is defined unused.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import Any

import django
from openapi_spec_validator import OpenAPIV31SpecValidator

METHODS = ("get", "post", "put", "patch", "delete")


def faults(document: dict[str, Any]) -> Iterator[str]:
    """Everything that is wrong with a document, in sentences."""
    for error in OpenAPIV31SpecValidator(document).iter_errors():
        yield f"{'/'.join(map(str, error.absolute_path))}: {error.message}"
    seen: set[str] = set()
    for path, item in document["paths"].items():
        for method, operation in item.items():
            name = f"{method.upper()} {path}"
            yield from (f"{name}: {fault}" for fault in operation_faults(path, method, operation))
            if operation.get("operationId") in seen:
                yield f"{name}: its operationId is another's too"
            seen.add(operation.get("operationId"))
    yield from unused(document)


def operation_faults(path: str, method: str, operation: dict[str, Any]) -> Iterator[str]:
    """What is missing in one operation."""
    if method not in METHODS:
        yield "is no operation"
    for field in ("operationId", "summary", "description", "tags", "responses"):
        if not operation.get(field):
            yield f"has no {field}"
    if "security" not in operation:
        yield "does not say how it is authorised"
    codes = set(operation.get("responses", {}))
    if not any(code.startswith("2") for code in codes):
        yield "has no answer for success"
    if not any(code[0] in "45" for code in codes):
        yield "has no answer for errors"
    if operation.get("security") and "401" not in codes:
        yield "is authorised, but has no 401"
    if "requestBody" in operation and not {"400", "413", "415", "422"} <= codes:
        yield "takes a body, but lacks one of 400, 413, 415, 422"
    declared = {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
    if declared != set(re.findall(r"{(\w+)}", path)):
        yield "its parameters are not those of its path"


def unused(document: dict[str, Any]) -> Iterator[str]:
    """Schemas and responses that nothing refers to."""
    wanted = set(re.findall(r"#/components/(\w+/\w+)", str(document)))
    for kind in ("schemas", "responses"):
        for name in document["components"][kind]:
            if f"{kind}/{name}" not in wanted:
                yield f"components/{kind}/{name} is not used"


def main() -> int:
    """Print the faults; 1 where there are any."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.test_settings")
    django.setup()
    from api.openapi import document  # needs settings

    found = list(faults(document()))
    said = [*found, f"openapi: {len(found)} faults in {len(document()['paths'])} paths"]
    sys.stdout.write("\n".join(said) + "\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
