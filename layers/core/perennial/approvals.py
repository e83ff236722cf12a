"""Whether a person's approval or rejection of a version takes effect. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from perennial.deployment import PackageVersion, Rollout

Approval = Literal["Approved", "Rejected"]
ALL_THE_SAME = "rejected"
"""The subject of a button to approve whose message says that the version is rejected: who presses it knows."""


@dataclass(frozen=True)
class Ruling:
    """`set` the approval; `nothing` to do, it is so already; or `refuse`. `reason` is for the person."""

    action: Literal["set", "nothing", "refuse"]
    reason: str


def rule(
    version: int,
    found: PackageVersion | None,
    wanted: Approval,
    rollout: Rollout | None,
    *,
    all_the_same: bool = False,
) -> Ruling:
    """What comes of asking for `wanted`. A version whose rollout failed may be approved once more, to try again; a
    rejected one by those who know that it is."""
    if found is None:
        return Ruling("refuse", f"there is no version {version}")
    who = f" ({found.decided})" if found.decided else ""
    if found.approval == wanted:
        lost = rollout is not None and any(loss.version == version for loss in rollout.lost)
        if wanted == "Approved" and lost:
            return Ruling("set", f"version {version} is approved once more: its rollout is tried again")
        return Ruling("nothing", f"version {version} is {wanted} already{who}")
    if found.approval == "Rejected" and not all_the_same:
        return Ruling(
            "refuse",
            f"version {version} was rejected{who}; whoever means to approve it all the same can do so in the "
            "model registry, or with the command `perennial approve`",
        )
    return Ruling("set", f"version {version} was {found.approval}")
