"""Lists in pages, as every service of AWS gives them."""

import base64
import json
from collections.abc import Mapping
from typing import Any

from twin.protocol import Request, validation


def paginate(
    items: list[dict[str, Any]], request: Request, key: str, *, default: int = 10, maximum: int = 100
) -> dict[str, Any]:
    """One page of `items` as `{key: [...], "NextToken": ...}`.

    The token remembers the last item shown, so items that appear or vanish between two pages
    neither repeat nor hide others.
    """
    size = min(int(request.get("MaxResults") or default), maximum)
    start = _after(items, request["NextToken"]) if request.get("NextToken") else 0
    page = items[start : start + size]
    answer: dict[str, Any] = {key: page}
    if start + size < len(items):
        token = json.dumps([start + size, _identity(page[-1])])
        answer["NextToken"] = base64.urlsafe_b64encode(token.encode()).decode()
    return answer


def _after(items: list[dict[str, Any]], token: str) -> int:
    try:
        offset, identity = json.loads(base64.urlsafe_b64decode(token.encode()))
    except ValueError as error:
        raise validation("Invalid or expired NextToken.") from error
    found = [index for index, item in enumerate(items) if identity and _identity(item) == identity]
    # Gone: what followed it has moved up to its place.
    return found[0] + 1 if found else max(int(offset) - 1, 0)


def _identity(item: Mapping[str, Any]) -> str | None:
    return next((value for name, value in item.items() if name.endswith(("Arn", "ARN"))), None)
