"""Seals model.json: a checksum against damage, and a signature where a key is at hand against everything else.

The checksum covers what the file says of the model: classes, threshold, encodings, the other files' own checksums.
Anyone can make one. The signature is an HMAC with the key in PERENNIAL_SIGNING_KEY: only who trains with the key
can make it, so a server with the key serves what that training wrote, and nothing that was put in its place.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from perennial_container.errors import ArtefactError

CHECKSUM = "checksum"
SIGNATURE = "signature"


@dataclass(frozen=True)
class Trust:
    """Whose code and models are served: `key` signs, `program` names the one file of an artefact that may run."""

    key: str | None = None
    program: str | None = None

    @classmethod
    def from_env(cls, environment: Mapping[str, str]) -> Self:
        return cls(
            environment.get("PERENNIAL_SIGNING_KEY") or None, environment.get("SAGEMAKER_PROGRAM") or None
        )


NOBODY = Trust()
"""No code of an artefact runs, and no signature is asked for."""


def sealed(document: Mapping[str, Any], key: str | None) -> dict[str, Any]:
    """The document with its checksum, and with a signature if there is a key."""
    text = _canonical(document)
    marks = {CHECKSUM: hashlib.sha256(text).hexdigest()}
    if key:
        marks[SIGNATURE] = _signature(text, key)
    return {**document, **marks}


def check(document: Mapping[str, Any], key: str | None) -> None:
    """Raises ArtefactError if the document was changed, or is not signed with the key that is asked for.

    Artefacts of older images have no checksum: without a key they are read as they are.
    """
    text = _canonical(document)
    checksum = document.get(CHECKSUM)
    if checksum is not None and checksum != hashlib.sha256(text).hexdigest():
        raise ArtefactError("model.json is damaged: it does not have its own checksum")
    if key and not hmac.compare_digest(
        str(document.get(SIGNATURE, "")).encode(), _signature(text, key).encode()
    ):
        raise ArtefactError("model.json is not signed with this server's key: our training did not write it")


def _signature(text: bytes, key: str) -> str:
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest()


def _canonical(document: Mapping[str, Any]) -> bytes:
    said = {name: value for name, value in document.items() if name not in (CHECKSUM, SIGNATURE)}
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()
