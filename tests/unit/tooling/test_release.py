"""What `sam build` and `sam deploy` are run with."""

from pathlib import Path

from stack.release import environment


def test_the_wheels_are_one_place_for_pip_wherever_the_checkout_lies() -> None:
    """pip splits its list of places at spaces, so the folder of wheels is named without one."""
    told = environment("/scratch", Path("/my checkouts/perennial/.perennial/wheels"), None)

    assert told["PIP_FIND_LINKS"] == "file:///my%20checkouts/perennial/.perennial/wheels"
