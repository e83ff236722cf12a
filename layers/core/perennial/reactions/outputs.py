"""What a training job left in its output.tar.gz, read as a stream."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

from perennial.ports import Bucket

EVALUATION = "evaluation.json"
BASELINE = "baseline/"
LARGEST = 5 << 20  # bytes of evaluation.json
LARGEST_BASELINE = 64 << 20  # bytes of all baseline files together: a thousand columns have some fifteen MB


@dataclass(frozen=True)
class Output:
    """`baseline` maps file names to their bytes; `left_out` says why there is none of it."""

    evaluation: bytes
    baseline: Mapping[str, bytes] = field(default_factory=dict)
    left_out: str = ""


def read_output(bucket: Bucket, key: str) -> Output | str:
    """The job's evaluation and baseline; a sentence when the evaluation cannot be had."""
    if not bucket.list(key):
        return f"the job left no {key}: its container must write output/data/{EVALUATION}"
    found: dict[str, bytes] = {}
    left_out = ""
    try:
        with tarfile.open(fileobj=bucket.open(key), mode="r|gz") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if not member.isfile() or not (name == EVALUATION or _is_baseline(name)):
                    continue
                if name == EVALUATION and member.size > LARGEST:
                    return f"{name} in {key} has {member.size} bytes, more than {LARGEST}"
                if name != EVALUATION and _size(found) + member.size > LARGEST_BASELINE:
                    left_out = f"the baseline in {key} has more than {LARGEST_BASELINE} bytes"
                    continue
                extracted = archive.extractfile(member)
                found[name] = extracted.read() if extracted else b""
    except (tarfile.TarError, EOFError, zlib.error) as error:
        return f"{key} is not a readable tar.gz: {error}"
    if EVALUATION not in found:
        return f"{key} holds no {EVALUATION}: the container must write output/data/{EVALUATION}"
    evaluation = found.pop(EVALUATION)
    baseline = {name.removeprefix(BASELINE): body for name, body in found.items()}
    return Output(evaluation, {} if left_out else baseline, left_out)


def _is_baseline(name: str) -> bool:
    """A JSON file right in the folder."""
    file = name.removeprefix(BASELINE)
    return file != name and "/" not in file and file.endswith(".json")


def _size(found: Mapping[str, bytes]) -> int:
    return sum(len(body) for name, body in found.items() if name != EVALUATION)
