"""The floor: our HTTP server, reading a body and answering a constant in raw ASGI."""

import os

import uvicorn

BODY = b"0,0.1234567\n"
HEADERS = [(b"content-type", b"text/csv; charset=utf-8"), (b"content-length", str(len(BODY)).encode())]


async def app(scope, receive, send):
    if scope["type"] == "http":
        while (await receive()).get("more_body", False):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await send({"type": "http.response.body", "body": BODY})


uvicorn.run(app, port=int(os.environ["PORT"]), lifespan="off", log_config=None, access_log=False)
