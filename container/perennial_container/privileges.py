"""Gives up root before any data is read.

SageMaker starts containers as root and mounts /opt/ml owned by root. The image names a user id in
PERENNIAL_RUN_AS; whoever starts the container as another user has already decided.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from perennial_container.errors import PrivilegeError


def drop_root(environment: Mapping[str, str], folders: Sequence[Path]) -> str | None:
    """Become the named user, after handing it the folders that it must write to.

    Returns what was done in words, or None if there was nothing to do. Raises PrivilegeError if root cannot be
    given up: then nothing may run.
    """
    user = environment.get("PERENNIAL_RUN_AS")
    if not user or os.geteuid() != 0:
        return None
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
        for folder in folders:  # only now: root without DAC_OVERRIDE makes nothing in another user's folder
            if folder.stat().st_uid != int(user):
                os.chown(folder, int(user), int(user))
        os.setgroups([])
        os.setgid(int(user))
        os.setuid(int(user))
    except OSError as error:
        raise PrivilegeError(
            f"cannot become user {user}: {error}; leave the container the capabilities CHOWN, SETGID and SETUID, "
            f"or start it as another user"
        ) from error
    return f"started as root, going on as user {user}"
