"""A relay between a client library and the service, which keeps the frames of both, and the protocol's document."""

import asyncio
import json
from pathlib import Path

import jsonschema
import websockets

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = json.loads((ROOT / "shared/protocol.asyncapi.json").read_text())


class Relay:
    """Listens on a free port of this machine; `async with` gives it, listening."""

    def __init__(self, url):
        self.upstream = url
        self.sent, self.received = [], []

    async def __aenter__(self):
        self.server = await websockets.serve(self.relay, "127.0.0.1", 0)
        self.url = "ws://127.0.0.1:%d/" % self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()

    async def relay(self, client):
        async with websockets.connect(self.upstream, proxy=None) as service:
            await asyncio.gather(copy(client, service, self.sent), copy(service, client, self.received))


async def copy(source, target, kept):
    try:
        async for frame in source:
            kept.extend(frame.split("\n"))
            await target.send(frame)
    finally:
        await target.close()


def check(lines, *messages):
    """Every line must be one of these messages of the document; gives the names of what was seen."""
    payloads = [{"$ref": f"#/components/messages/{message}/payload"} for message in messages]
    schema = {"anyOf": payloads, "components": DOCUMENT["components"]}
    validator = jsonschema.Draft202012Validator(schema)
    names = set()
    for line in lines:
        message = json.loads(line)
        faults = [error.message for error in validator.iter_errors(message)]
        assert not faults, (line, faults)
        names.update(message.get("push", message).keys() - {"id", "channel"})
    return names
