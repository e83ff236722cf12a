"""What SageMaker's List operations have in common: filters, order, pages."""

from collections.abc import Callable, Iterable
from typing import Any

from twin.pages import paginate
from twin.protocol import Request

# SortBy's values and the summary's members they mean; {} is the resource's own prefix.
_SORT_KEYS = {"Name": "{}Name", "Status": "{}Status", "CreationTime": "CreationTime"}


def listed(
    items: Iterable[dict[str, Any]],
    request: Request,
    key: str,
    prefix: str,
    *,
    order: str = "Descending",
    sort_keys: dict[str, str] | None = None,
    keep: Callable[[dict[str, Any]], bool] = lambda _item: True,
) -> Request:
    """One page of summaries as `{key: [...]}`.

    `prefix` is what the summary's `...Name` and `...Status` members begin with, `order` AWS's
    default order, `keep` the filters that only this operation has.
    """
    kept = [item for item in items if keep(item) and _matches(item, request, prefix)]
    by = {**_SORT_KEYS, **(sort_keys or {})}.get(request.get("SortBy", "CreationTime"), "CreationTime")
    member = by.format(prefix)
    kept.sort(key=lambda item: item.get(member) or item["CreationTime"])
    if request.get("SortOrder", order) == "Descending":
        kept.reverse()
    return paginate(kept, request, key)


def _matches(item: dict[str, Any], request: Request, prefix: str) -> bool:
    created, modified = item["CreationTime"], item.get("LastModifiedTime", item["CreationTime"])
    return (
        request.get("NameContains", "").lower() in str(item.get(f"{prefix}Name", "")).lower()
        and item.get(f"{prefix}Status") == request.get("StatusEquals", item.get(f"{prefix}Status"))
        and request.get("CreationTimeAfter", created) <= created <= request.get("CreationTimeBefore", created)
        and request.get("LastModifiedTimeAfter", modified)
        <= modified
        <= request.get("LastModifiedTimeBefore", modified)
    )
