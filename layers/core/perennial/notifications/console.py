"""Addresses in the AWS console. A presigned address would do without a login, but dies with the credentials of the
role that signed it, within hours: too early for a message that is read in the morning, and open to whoever has it.
"""

from __future__ import annotations

from urllib.parse import quote, urlencode

from perennial.notifications.text import clean

_DOMAINS = {"cn-": "console.amazonaws.cn", "us-gov-": "console.amazonaws-us-gov.com"}


def s3_object(region: str, bucket: str, key: str) -> str:
    return (
        f"{_home(region, 's3')}/object/{quote(bucket)}?{urlencode({'region': region, 'prefix': clean(key)})}"
    )


def endpoint(region: str, name: str) -> str:
    return f"{_home(region, 'sagemaker')}/home?region={region}#/endpoints/{quote(clean(name), safe='')}"


def alarm(region: str, name: str) -> str:
    return f"{_home(region, 'cloudwatch')}/home?region={region}#alarmsV2:alarm/{quote(clean(name), safe='')}"


def log_group(region: str, name: str) -> str:
    """CloudWatch encodes a group's name twice, with $ for %."""
    group = quote(quote(clean(name), safe=""), safe="").replace("%", "$")
    return f"{_home(region, 'cloudwatch')}/home?region={region}#logsV2:log-groups/log-group/{group}"


def _home(region: str, service: str) -> str:
    domain = next((domain for prefix, domain in _DOMAINS.items() if region.startswith(prefix)), "")
    return f"https://{region}.{domain or 'console.aws.amazon.com'}/{service}"
