"""`python -m demo`: a twin of its own on a free port, the stack on it, the story, a summary, nothing left running."""

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from stack import interruption, twin_process
from stack.console import Trouble, complain
from stack.places import PRIVATE_HOME, ROOT, STACK_NAME, STATE, clean_environment, python, shown

if TYPE_CHECKING:
    from demo.aws import Aws
    from demo.show import Show

HOME = STATE / "demo"
DATA = STATE / "data/mortgage"
PAGES = STATE / "demo-pages"
SCRIPT = ROOT / "examples/mortgage/make_data.py"
MODEL = "mortgage"
WHERE_NEXT = """
Where to look next
  make up                             the same stack, kept running; then: source .perennial/env
  examples/mortgage/model.yaml        the whole configuration of this model
  template.yaml                       the system: event -> reaction
  .perennial/demo-pages/report.html   the report on the hour that drifted, as it lies in the bucket
  .perennial/demo-pages/inbox.html    what people were sent, and who pressed what
  .perennial/demo                     logs of this run: the twin, its jobs, its model servers"""


def main() -> int:
    # boto3 reads the environment and the home folder: what the host has there is none of the demo's.
    clean = clean_environment()
    os.environ.clear()
    os.environ.update(clean)
    PRIVATE_HOME.mkdir(parents=True, exist_ok=True)

    from demo.show import Show

    show = Show()
    interruption.listen()
    try:
        run(show)
    except Trouble as trouble:
        show.say(f"\nWhat the twin and its functions logged: {shown(HOME)}")
        return complain(trouble)
    except KeyboardInterrupt:
        interruption.clean_up(stop_twin)
        show.say("\nInterrupted; nothing is left running.")
        return 130
    finally:
        interruption.clean_up(stop_twin)
    return 0


def run(show: "Show") -> None:
    from demo.people import People
    from demo.story import Story
    from demo.truth import load
    from demo.watch import Watch

    stop_twin()  # of a demo that was killed
    with show.stage("The twin, and the stack deployed on it with the SAM CLI"):
        aws = prepare(show)
    story = Story(aws, show, DATA, load(DATA / "truth.csv", "deny"))
    story.run()
    Watch(story, People(aws.endpoint_url), DATA, PAGES).run()
    show.ledger(aws.ledger())
    show.stage_times()
    show.say(WHERE_NEXT)


def prepare(show: "Show") -> "Aws":
    """The stack on a twin of the demo's own, which collides with no other."""
    from demo.aws import Aws
    from stack import release

    show.waiting("the data set")
    make_data()
    show.waiting("sam build")
    built = release.build()
    show.done("sam build" if built else "sam build: nothing changed since the last one")
    show.waiting("the twin")
    twin = twin_process.start(HOME, twin_process.any_free_port())
    show.done(f"twin on {twin.endpoint}, IAM enforced")
    show.waiting("sam deploy")
    release.deploy(twin)
    outputs = release.outputs(twin)
    show.done(f"sam deploy: stack {STACK_NAME}, bucket {outputs['DataBucket']}")
    return Aws(release.session(), twin.endpoint, outputs, MODEL)


def make_data() -> None:
    """Makes the drops and the truth, once."""
    stamp, made_by = DATA / ".stamp", SCRIPT.read_text()
    if not stamp.exists() or stamp.read_text() != made_by:
        shutil.rmtree(DATA, ignore_errors=True)
        subprocess.run([python("data"), SCRIPT, DATA], check=True, env=clean_environment())
        stamp.write_text(made_by)


def stop_twin() -> None:
    if twin := twin_process.find(HOME):
        twin_process.stop(twin)


if __name__ == "__main__":
    sys.exit(main())
