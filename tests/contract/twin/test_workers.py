"""The processes that stand for Lambda's execution environments, and what the end of one does."""

import json
import sys
import threading
from pathlib import Path
from typing import Any

from running_twin import Twin, allow, eventually, unique
from test_chain import zipped

RUNTIME = f"python{sys.version_info[0]}.{sys.version_info[1]}"
HANDLER = """
import os, pathlib, signal, time

folder = pathlib.Path(os.environ["FOLDER"])
if (folder / "die").exists():
    (folder / "die").unlink()
    os.kill(os.getpid(), signal.SIGKILL)

def handle(event, context):
    if event.get("wait"):
        (folder / "begun").touch()
        while not (folder / "go").exists():
            time.sleep(0.02)
    return "done"
"""


def test_one_that_dies_while_it_starts_takes_no_other_with_it(twin: Twin, tmp_path: Path) -> None:
    """Its invocation fails; one that is under way meanwhile ends well, and so does the next."""
    name, client = unique("workers"), twin.client("lambda")
    client.create_function(
        FunctionName=name,
        Runtime=RUNTIME,
        Role=twin.role(unique("function"), allow("logs:*"), service="lambda.amazonaws.com"),
        Handler="handler.handle",
        Code={"ZipFile": zipped(handler=HANDLER)},
        Environment={"Variables": {"FOLDER": str(tmp_path)}},
        Timeout=30,
    )

    def invoke(event: Any) -> tuple[str | None, Any]:
        answer = client.invoke(FunctionName=name, Payload=json.dumps(event).encode())
        return answer.get("FunctionError"), json.load(answer["Payload"])

    slow: list[Any] = []
    thread = threading.Thread(target=lambda: slow.append(invoke({"wait": True})))
    thread.start()
    eventually((tmp_path / "begun").exists)
    (tmp_path / "die").touch()
    failed, _ = invoke({})
    (tmp_path / "go").touch()
    thread.join()
    assert failed
    assert slow == [(None, "done")]
    assert invoke({}) == (None, "done")
