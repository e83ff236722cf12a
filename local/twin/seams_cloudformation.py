"""Where MiniStack's CloudFormation makes a resource otherwise than AWS does."""

import json
import secrets
import string
from collections.abc import Mapping
from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

from twin import seams

seams.SEAMS |= {
    "secret strings": (provisioners, "_sm_secret_string", ("props",)),
    "secrets of stacks": (provisioners, "_sm_secret_create", ("logical_id", "props", "stack_name")),
    "updates of secrets": (
        provisioners,
        "_sm_secret_update",
        ("physical_id", "old_props", "new_props", "stack_name", "logical_id"),
    ),
    "deletions of secrets": (provisioners, "_sm_secret_delete", ("physical_id", "props")),
    "resource types": (provisioners, "_RESOURCE_HANDLERS", None),
    "secrets": (secretsmanager, "_secrets", None),
}
SECRET = "AWS::SecretsManager::Secret"
# What a generated secret draws from, and the property that leaves it out.
_CHARACTERS = {
    "ExcludeLowercase": string.ascii_lowercase,
    "ExcludeUppercase": string.ascii_uppercase,
    "ExcludeNumbers": string.digits,
    "ExcludePunctuation": string.punctuation,
}


def install() -> None:
    """Replace what the stack's resources need. Once per process."""
    create, update, delete = (
        provisioners._sm_secret_create,
        provisioners._sm_secret_update,
        provisioners._sm_secret_delete,
    )

    def created(logical_id: str, props: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        _, attributes = create(logical_id, props, stack_name)
        return attributes["Arn"], attributes  # AWS's Ref is the ARN

    def updated(
        physical_id: str,
        old: dict[str, Any],
        new: dict[str, Any],
        stack_name: str,
        logical_id: str | None = None,
    ) -> tuple[str, dict[str, Any]]:
        _, attributes = update(_name(physical_id), old, new, stack_name, logical_id)
        return attributes["Arn"], attributes

    def deleted(physical_id: str, props: dict[str, Any]) -> None:
        delete(_name(physical_id), props)

    provisioners._sm_secret_string = secret_string
    provisioners._RESOURCE_HANDLERS[SECRET] |= {"create": created, "update": updated, "delete": deleted}


def secret_string(props: Mapping[str, Any]) -> str:
    """A secret's value: `SecretString`, or one generated as `GenerateSecretString` says."""
    rules = props.get("GenerateSecretString")
    if props.get("SecretString") or rules is None:
        return str(props.get("SecretString", ""))
    kinds = [characters for flag, characters in _CHARACTERS.items() if not _true(rules.get(flag))]
    allowed = "".join(kinds) + (" " if _true(rules.get("IncludeSpace")) else "")
    allowed = "".join(one for one in allowed if one not in rules.get("ExcludeCharacters", ""))
    generated = "".join(secrets.choice(allowed) for _ in range(int(rules.get("PasswordLength", 32))))
    if "SecretStringTemplate" not in rules:
        return generated
    return json.dumps({**json.loads(rules["SecretStringTemplate"]), rules["GenerateStringKey"]: generated})


def _true(value: Any) -> bool:
    return str(value).lower() == "true"


def _name(arn: str) -> str:
    """The name under which MiniStack keeps the secret of an ARN."""
    return next((name for name, one in secretsmanager._secrets.items() if one["ARN"] == arn), arn)
