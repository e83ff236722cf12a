"""What Slack refuses of Block Kit: types and lengths, by its reference. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

MOST_BLOCKS = 50
_BUTTON_TEXT, _BUTTON_VALUE, _ACTION_ID, _URL = 75, 2000, 255, 3000


def faults(blocks: Any) -> list[str]:
    """Why Slack answers `invalid_blocks`, one line a fault; nothing for good blocks."""
    if not isinstance(blocks, list):
        return ["must be an array"]
    found = [f"no more than {MOST_BLOCKS} items allowed"] if len(blocks) > MOST_BLOCKS else []
    ids = [block.get("block_id") for block in blocks if isinstance(block, dict) and block.get("block_id")]
    found += [f"`block_id` {one} already exists" for one in {i for i in ids if ids.count(i) > 1}]
    for index, block in enumerate(blocks):
        kind = block.get("type") if isinstance(block, dict) else None
        check = _CHECKS.get(str(kind))
        told = [f"unsupported type: {kind}"] if check is None else check(block)
        found += [f"{one} [json-pointer:/blocks/{index}]" for one in told]
    return found


def actions(blocks: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every element that can be pressed, with the id of its block."""
    for index, block in enumerate(blocks):
        block_id = str(block.get("block_id", f"b{index}"))
        for element in [*block.get("elements", ()), block.get("accessory") or {}]:
            if "action_id" in element:
                yield block_id, element


def _text(value: Any, limit: int, kinds: tuple[str, ...] = ("plain_text", "mrkdwn")) -> list[str]:
    if not isinstance(value, dict) or value.get("type") not in kinds:
        return [f"text must be one of {', '.join(kinds)}"]
    length = len(str(value.get("text") or ""))
    if not length:
        return ["must be more than 0 characters"]
    return [f"must be less than {limit + 1} characters"] if length > limit else []


def _header(block: Mapping[str, Any]) -> list[str]:
    return _text(block.get("text"), 150, ("plain_text",))


def _section(block: Mapping[str, Any]) -> list[str]:
    fields = block.get("fields", [])
    found = ["one of text and fields is required"] if "text" not in block and not fields else []
    found += _text(block["text"], 3000) if "text" in block else []
    found += ["no more than 10 fields allowed"] if len(fields) > 10 else []
    found += [one for field in fields for one in _text(field, 2000)]
    return found + (_element(block["accessory"]) if "accessory" in block else [])


def _context(block: Mapping[str, Any]) -> list[str]:
    elements = block.get("elements", [])
    found = [] if 1 <= len(elements) <= 10 else ["1 to 10 elements allowed"]
    return found + [one for e in elements if e.get("type") != "image" for one in _text(e, 2000)]


def _actions(block: Mapping[str, Any]) -> list[str]:
    elements = block.get("elements", [])
    found = [] if 1 <= len(elements) <= 25 else ["1 to 25 elements allowed"]
    ids = [element.get("action_id") for element in elements]
    found += ["action_id must be unique in a block"] if len(set(ids)) < len(ids) else []
    return found + [one for element in elements for one in _element(element)]


def _element(element: Mapping[str, Any]) -> list[str]:
    if element.get("type") != "button":
        return [f"unsupported element: {element.get('type')}"]
    found = _text(element.get("text"), _BUTTON_TEXT, ("plain_text",))
    for member, limit in (("value", _BUTTON_VALUE), ("action_id", _ACTION_ID), ("url", _URL)):
        if len(str(element.get(member, ""))) > limit:
            found.append(f"{member} must be less than {limit + 1} characters")
    if element.get("style") not in (None, "primary", "danger"):
        found.append("style must be primary or danger")
    return found + (_confirm(element["confirm"]) if "confirm" in element else [])


def _confirm(dialog: Mapping[str, Any]) -> list[str]:
    plain = ("plain_text",)
    return [
        *_text(dialog.get("title"), 100, plain),
        *_text(dialog.get("text"), 300),
        *_text(dialog.get("confirm"), 30, plain),
        *_text(dialog.get("deny"), 30, plain),
    ]


def _divider(_block: Mapping[str, Any]) -> list[str]:
    return []


_CHECKS: dict[str, Callable[[Mapping[str, Any]], list[str]]] = {
    "header": _header,
    "section": _section,
    "context": _context,
    "actions": _actions,
    "divider": _divider,
}
