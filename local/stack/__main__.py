"""`python -m stack setup | up | down | status | check | test | lock | image | image-test`: what the Makefile's targets run."""

import argparse
import os
import sys

from stack import (
    checks,
    environments,
    image_base,
    image_build,
    image_test,
    interruption,
    locks,
    twin_process,
)
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
    verbs.add_parser("check", help="run every check")
    test_verb = verbs.add_parser("test", help="run every check and every test, or only some suites")
    test_verb.add_argument("suites", nargs="*", metavar="SUITE", help="unit, contract, container, loop")
    verbs.add_parser("lock", help="renew the lock files")
    verbs.add_parser("image", help="build every target of container/Dockerfile")
    verbs.add_parser("image-test", help="build the targets, look at them, run them")
    verbs.add_parser("image-prerequisites", help="install a container engine, on Debian as root")
    chosen = parser.parse_args()
    interruption.listen()
    try:
        return run(chosen)
    except Trouble as trouble:
        return complain(trouble)
    except KeyboardInterrupt:
        say("\ninterrupted")
        return 130


def run(chosen: argparse.Namespace) -> int:
    match chosen.verb:
        case "setup":
            environments.set_up(chosen.names or list(environments.LOCKS))
        case "up":
            up(chosen.port)
        case "down":
            down()
        case "status":
            status()
        case "lock":
            locks.renew()
        case "check":
            return 0 if checks.check() else 1
        case "image":
            return 0 if image_build.image() else 1
        case "image-test":
            return 0 if image_test.test() else 1
        case "image-prerequisites":
            image_base.prerequisites()
        case "test":
            return 0 if checks.test(chosen.suites) else 1
    return 0


def up(port: int) -> None:
    from stack import release

    twin = twin_process.find(HOME)
    if twin and not twin_process.answers(twin):
        say("The twin runs but does not answer; starting it anew.")
        twin_process.stop(twin)
        twin = None
    if twin and twin.port != port:
        raise Trouble(f"The twin runs on port {twin.port} already; `make down` first.")
    if twin is None:
        os.environ.update(image_build.for_twin(os.environ))
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
    say(f"  {'what people are sent':24} {twin.endpoint}/_twin/inbox")
    say(f"Logs: {shown(HOME)}. Stop it with: make down")


def build() -> None:
    from stack import release

    with step("sam build"):
        release.build()


def down() -> None:
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


def status() -> None:
    twin = twin_process.find(HOME)
    if twin:
        say(f"up on {twin.endpoint}, process {twin.pid}")
    else:
        say("crashed" if twin_process.crashed(HOME) else "down")


if __name__ == "__main__":
    sys.exit(main())
