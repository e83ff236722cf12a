"""`serve`: `/ping` and `/invocations`, behaving as the artefact's `behaviour.json` says.

{"answer": "v1", "status": 200, "delay": 0.0, "ping": 200, "exit": null, "hold_mb": 0, "say": [], "boot": 0.0,
 "gate": null}

`gate` is a file: the server is not up before it is there.
"""

import json
import os
import signal
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

behaviour = {
    "answer": "",
    "status": 200,
    "delay": 0.0,
    "ping": 200,
    "exit": None,
    "hold_mb": 0,
    "say": [],
    "boot": 0.0,
    "gate": None,
}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet a reply
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self.reply(behaviour["ping"], b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if body == b"die":
            os.kill(os.getpid(), signal.SIGKILL)
        # Piece by piece: one large allocation would keep a busy machine from answering pings meanwhile.
        held = [b"x" * (1 << 20) for _ in range(behaviour["hold_mb"])]
        for line in behaviour["say"]:
            print(line if isinstance(line, str) else json.dumps(line), flush=True)
        time.sleep(behaviour["delay"])
        del held
        said = {
            "answer": behaviour["answer"],
            "body": body.decode(errors="replace"),
            "headers": {name.lower(): value for name, value in self.headers.items()},
            "environment": dict(os.environ),
            "pid": os.getpid(),
        }
        status = {b"bad": 400, b"boom": 500}.get(body, behaviour["status"])
        self.reply(status, b"no good" if status >= 400 else json.dumps(said).encode())

    def reply(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if attributes := self.headers.get("X-Amzn-SageMaker-Custom-Attributes"):
            self.send_header("X-Amzn-SageMaker-Custom-Attributes", attributes)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        print("served", self.path, flush=True)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


def serve() -> int:
    described = Path(os.environ["SAGEMAKER_BASE_DIR"]) / "model" / "behaviour.json"
    if described.exists():
        behaviour.update(json.loads(described.read_text()))
    time.sleep(behaviour["boot"])
    while behaviour["gate"] is not None and not Path(behaviour["gate"]).exists():
        time.sleep(0.02)
    if behaviour["exit"] is not None:
        print("cannot load the model", flush=True)
        return int(behaviour["exit"])
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    print("ready", flush=True)
    Server((os.environ["BIND_HOST"], int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
    return 0
