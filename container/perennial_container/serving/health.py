"""The image's health check: exits with 0 if the server in this container answers /ping with 200."""

import os
import sys
from urllib.error import URLError
from urllib.request import urlopen

TIMEOUT_SECONDS = 2


def main() -> int:
    """Ask /ping once."""
    port = int(os.environ.get("SAGEMAKER_BIND_TO_PORT") or 8080)
    try:
        with urlopen(f"http://127.0.0.1:{port}/ping", timeout=TIMEOUT_SECONDS):
            return 0
    except (URLError, TimeoutError) as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
