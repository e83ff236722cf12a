"""`python -m stack setup [ENVIRONMENT ...] | up | down | status`."""

import argparse
import signal
import sys
from types import FrameType

from stack import environments
from stack.console import Trouble, complain, say, step
from stack.places import ENV_FILE, PORT, STACK_NAME, STATE, shown

HOME = STATE / "twin"


def main() -> int:
    parser = argparse.ArgumentParser(prog="stack", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    setup = verbs.add_parser("setup", help="make the virtual environments")
    setup.add_argument("names", nargs="*", metavar="ENVIRONMENT", help=", ".join(environments.LOCKS))
    up_verb = verbs.add_parser("up", help="start the twin, deploy the stack")
    up_verb.add_argument("--port", type=int, default=PORT)
    verbs.add_parser("down", help="stop the twin")
    verbs.add_parser("status", help="say whether the twin runs")
    chosen = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupt)
    try:
        if chosen.verb == "setup":
            environments.set_up(chosen.names or list(environments.LOCKS))
        elif chosen.verb == "up":
            up(chosen.port)
        elif chosen.verb == "down":
            down()
        else:
            return status()
    except Trouble as trouble:
        return complain(trouble)
    except KeyboardInterrupt:
        say("\ninterrupted")
        return 130
    return 0


def interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def up(port: int) -> None:
    from stack import release, twin_process

    twin = twin_process.find(HOME)
    if twin and not twin_process.answers(twin):
        say("The twin runs but does not answer; starting it anew.")
        twin_process.stop(twin)
        twin = None
    if twin and twin.port != port:
        raise Trouble(f"The twin runs on port {twin.port} already; `make down` first.")
    if twin is None:
        if twin_process.crashed(HOME):
            say(f"The twin that was up has crashed, and its state with it.\n{twin_process.last_words(HOME)}")
        build()
        with step(f"twin on 127.0.0.1:{port}"):
            twin = twin_process.start(HOME, port)
    else:
        say(f"twin on 127.0.0.1:{port} is up already")
        build()
    with step("sam deploy"):
        release.deploy(twin)
    ENV_FILE.write_text(release.environment_lines(twin))
    say(f"\nStack {STACK_NAME} is up. For any AWS client: source {shown(ENV_FILE)}")
    for name, value in sorted(release.outputs(twin).items()):
        say(f"  {name:24} {value}")
    say(f"Logs: {shown(HOME)}. Stop it with: make down")


def build() -> None:
    from stack import release

    with step("sam build"):
        release.build()


def down() -> None:
    from stack import twin_process

    twin = twin_process.find(HOME)
    ENV_FILE.unlink(missing_ok=True)
    if twin:
        with step("stopping the twin"):
            twin_process.stop(twin)
    elif twin_process.crashed(HOME):
        (HOME / "running").unlink()
        say(f"The twin had crashed, and its state with it.\n{twin_process.last_words(HOME)}")
    else:
        say("no twin is up")


def status() -> int:
    from stack import twin_process

    twin = twin_process.find(HOME)
    if twin:
        say(f"up on 127.0.0.1:{twin.port}, process {twin.pid}")
        return 0
    say("crashed" if twin_process.crashed(HOME) else "down")
    return 1


if __name__ == "__main__":
    sys.exit(main())
