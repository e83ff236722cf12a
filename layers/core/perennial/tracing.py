"""X-Ray through Powertools, loaded with the first trace and not at INIT.

aws_xray_sdk costs as much to import as half of boto3 (outside Lambda it even makes an AWS client);
a function that is imported, but never invoked, should not pay for it.
"""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools import Tracer


class _LazyRecorder:
    """Stands for `aws_xray_sdk.core.xray_recorder` until something is asked of it."""

    def __getattr__(self, name: str) -> Any:
        from aws_xray_sdk.core import xray_recorder

        return getattr(xray_recorder, name)


tracer = Tracer(provider=_LazyRecorder(), auto_patch=False)  # type: ignore[arg-type]
