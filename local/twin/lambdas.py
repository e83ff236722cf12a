"""How MiniStack's Lambda is made to behave as AWS's where the loop depends on it.

- Workers run in an interpreter of their own (boto3 and nothing of the twin's) and see only
  what Lambda sets, not the twin's environment.
- EventBridge and SNS invoke asynchronously: with the function's retries and failure destination.
- A throttled asynchronous event waits and is tried again, as on AWS; it does not use up an
  attempt. A few run at a time, so that a burst does not starve a small machine.
- Layers are unpacked once for all workers, and their bytecode is kept.
- A worker that dies while it starts takes no other with it.
"""

import contextvars
import hashlib
import json
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ministack.core import lambda_runtime
from ministack.services import eventbridge, lambda_svc, sns

from twin.children import Children

logger = logging.getLogger("twin.lambda")

_KEPT = frozenset({"PATH", "LANG", "LC_ALL", "TZ", "TMPDIR"})
_SIX_HOURS = 6 * 3600
_asynchronous: contextvars.ContextVar[bool] = contextvars.ContextVar("asynchronous", default=False)


class Workers:
    """Stands in for `subprocess` in MiniStack's worker module."""

    def __init__(self, children: Children, layers: Path) -> None:
        self._children = children
        self._layers = layers
        self._lock = threading.Lock()

    def __getattr__(self, name: str) -> Any:
        return getattr(subprocess, name)

    def Popen(  # noqa: N802 - subprocess names it so
        self, command: list[str], *, cwd: str, env: dict[str, str], **options: Any
    ) -> Any:
        """Start a worker with the function's environment alone."""
        clean = {k: v for k, v in env.items() if k in _KEPT or os.environ.get(k) != v}
        runtime = f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}"
        clean |= {"HOME": cwd, "AWS_EC2_METADATA_DISABLED": "true", "AWS_EXECUTION_ENV": runtime}
        if "_LAMBDA_LAYERS_DIRS" in clean:
            layers = [self._shared(Path(d)) for d in clean["_LAMBDA_LAYERS_DIRS"].split(os.pathsep)]
            clean["_LAMBDA_LAYERS_DIRS"] = os.pathsep.join(layers)
        process = subprocess.Popen(command, cwd=cwd, env=clean, start_new_session=True, **options)
        self._children.adopt(process.pid)
        return process

    def _shared(self, unpacked: Path) -> str:
        archive = unpacked.with_suffix(".zip")
        shared = self._layers / hashlib.sha256(archive.read_bytes()).hexdigest()[:32]
        with self._lock:
            if shared.exists():
                shutil.rmtree(unpacked)
            else:
                unpacked.rename(shared)
        archive.unlink()
        return str(shared)


class _AsynchronousLambda:
    """Lambda as SNS sees it: every delivery is an asynchronous invocation."""

    def __getattr__(self, name: str) -> Any:
        return getattr(lambda_svc, name)

    def _execute_function_with_config_scope(self, record: dict[str, Any], event: dict[str, Any]) -> None:
        lambda_svc.invoke_async_with_retry(record, event)


@cache
def interpreter_runtime(python: Path) -> str:
    """`python3.11`, say: the Lambda runtime an interpreter can stand for."""
    code = "import sys; print('python%d.%d' % sys.version_info[:2])"
    return subprocess.run([python, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def install(children: Children, python: Path, layers: Path, concurrency: int) -> None:
    """Replace MiniStack's worker spawning and asynchronous invocation. Once per process."""
    layers.mkdir(parents=True)
    lambda_runtime.subprocess = Workers(children, layers)
    lambda_runtime._detect_runtime_binary = _detector(lambda_runtime._detect_runtime_binary, python)
    lambda_runtime.Worker.invoke = _alone(lambda_runtime.Worker.invoke)
    lambda_svc.invoke_async_with_retry = _marked(lambda_svc.invoke_async_with_retry)
    lambda_svc._execute_function = _queued(lambda_svc._execute_function, concurrency)
    eventbridge._dispatch_to_lambda = _dispatch_to_lambda
    sns._lambda_svc = _AsynchronousLambda()


def stop() -> None:
    """Terminate the workers and remove their folders."""
    lambda_runtime.reset()


def _detector(original: Callable[[str], tuple[str, str]], python: Path) -> Callable[[str], tuple[str, str]]:
    def detect(runtime: str) -> tuple[str, str]:
        binary, worker = original(runtime)
        if not runtime.startswith("python"):
            return binary, worker
        if runtime != interpreter_runtime(python):
            raise RuntimeError(
                f"The function's runtime is {runtime}, the twin's Lambda interpreter is "
                f"{interpreter_runtime(python)}: deploy with that runtime or start the twin with another "
                "--lambda-python"
            )
        return str(python), worker

    return detect


def _alone(original: Callable[..., dict[str, Any]]) -> Callable[..., dict[str, Any]]:
    """An environment that dies while it starts is a failed invocation, as one that dies later is. MiniStack would end
    all environments of the function, those at work and those that start, too, and hardly get one up again."""

    def invoke(self: Any, *arguments: Any, **named: Any) -> dict[str, Any]:
        try:
            return original(self, *arguments, **named)
        except Exception as error:
            logger.warning("Lambda %s: its environment did not start", self.func_name, exc_info=True)
            self.kill()
            return {"status": "error", "error": str(error) or type(error).__name__, "log": ""}

    return invoke


def _marked(original: Callable[..., None]) -> Callable[..., None]:
    def invoke_async_with_retry(func: dict[str, Any], event: dict[str, Any]) -> None:
        token = _asynchronous.set(True)
        try:
            original(func, event)
        finally:
            _asynchronous.reset(token)

    return invoke_async_with_retry


def _queued(original: Callable[..., dict[str, Any]], concurrency: int) -> Callable[..., dict[str, Any]]:
    slots = threading.BoundedSemaphore(concurrency)

    def execute(func: dict[str, Any], event: dict[str, Any]) -> dict[str, Any]:
        if not _asynchronous.get():
            return original(func, event)
        token = _asynchronous.set(False)
        deadline = time.monotonic() + _SIX_HOURS
        try:
            while True:
                with slots:
                    result = original(func, event)
                if not result.get("throttle") or time.monotonic() > deadline:
                    return result
                time.sleep(0.1)
        finally:
            _asynchronous.reset(token)

    return execute


def _dispatch_to_lambda(arn: str, payload: str) -> None:
    """EventBridge's delivery to a function, asynchronous as on AWS."""
    try:
        event = json.loads(payload)
    except (json.JSONDecodeError, TypeError):
        event = {"body": payload}
    func, config, name = lambda_svc._get_func_record_for_ref(arn)
    if not func or not config:
        logger.warning("EventBridge target %s: no such function", name)
        return
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(func, config), event)
