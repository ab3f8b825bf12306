"""Unmodified cent, Centrifugo's library for servers, calls the server API of `switchboard up`, while unmodified
centrifuge-python clients listen.

Build first: `cargo build`. The program to run is named by the environment variable SWITCHBOARD.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
import unittest
from pathlib import Path

import cent
from centrifuge import Client, ClientEventHandler, SubscriptionEventHandler

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("SWITCHBOARD", str(ROOT / "target/debug/switchboard"))
SECRET = "not-so-secret"


def token(user):
    """A token of a user, signed as an application's server would."""
    encode = lambda part: base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=")
    signed = encode({"alg": "HS256", "typ": "JWT"}) + b"." + encode({"sub": user})
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(digest).rstrip(b"=")).decode()


class Ears(ClientEventHandler, SubscriptionEventHandler):
    """Keeps what a client is told, as a name and a context."""

    def __init__(self):
        self.heard = asyncio.Queue()

    async def next(self, name):
        while True:
            heard, ctx = await asyncio.wait_for(self.heard.get(), 10)
            if heard == name:
                return ctx

    async def on_subscribed(self, ctx):
        await self.heard.put(("subscribed", ctx))

    async def on_unsubscribed(self, ctx):
        await self.heard.put(("unsubscribed", ctx))

    async def on_publication(self, ctx):
        await self.heard.put(("publication", ctx))

    async def on_disconnected(self, ctx):
        await self.heard.put(("disconnected", ctx))


class Server(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        options = ["up", "--json", "--port", "0", "--http-port", "0", "--aws-port", "0", "--logs", "none"]
        options += ["--parameter", f"TokenSecret={SECRET}"]
        cls.process = subprocess.Popen([PROGRAM, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        line = cls.process.stdout.readline()
        assert line, "it did not come up"
        cls.up = json.loads(line)

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.stdout.close()
        assert cls.process.wait(timeout=20) == 0, "a clean end"

    def server(self, key="local"):
        client = cent.AsyncClient(self.up["http"] + "/api", key)
        self.addAsyncCleanup(client.close)
        return client

    async def client(self, user):
        """A client of a user, and what it hears."""
        ears = Ears()

        async def fresh():
            return token(user)

        client = Client(self.up["websocket"], events=ears, token=token(user), get_token=fresh, proxy=None)
        self.addAsyncCleanup(client.disconnect)
        await client.connect()
        await client.ready(timeout=10)
        return client, ears

    async def test_publications_reach_clients(self):
        client, _ = await self.client("ann")
        ears = Ears()
        subscription = client.new_subscription("room:news", ears)
        await subscription.subscribe()
        await subscription.ready(timeout=10)
        server = self.server()
        request = cent.PublishRequest(channel="room:news", data={"n": 1}, tags={"k": "v"}, idempotency_key="one")
        first = await server.publish(request)
        self.assertEqual((first.offset, await server.publish(request)), (1, first))
        heard = (await ears.next("publication")).pub
        self.assertEqual((heard.data, heard.tags, heard.info), ({"n": 1}, {"k": "v"}, None))
        result = await server.broadcast(cent.BroadcastRequest(channels=["room:news", "nowhere:1"], data="both"))
        self.assertEqual(result.responses[0].result.offset, 2)
        self.assertEqual(result.responses[1].error.code, 102)
        self.assertEqual((await ears.next("publication")).pub.data, "both")

    async def test_a_users_clients_are_subscribed_and_unsubscribed(self):
        client, ears = await self.client("bob")
        subscription_ears = Ears()
        subscription = client.new_subscription("room:own", subscription_ears)
        await subscription.subscribe()
        await subscription.ready(timeout=10)
        server = self.server()
        await server.unsubscribe(cent.UnsubscribeRequest(user="bob", channel="room:own"))
        told = await subscription_ears.next("unsubscribed")
        self.assertEqual((told.code, told.reason), (2000, "server unsubscribe"))
        await server.subscribe(cent.SubscribeRequest(user="bob", channel="room:vip", data={"why": "vip"}))
        told = await ears.next("subscribed")
        self.assertEqual((told.channel, told.positioned, told.data), ("room:vip", True, {"why": "vip"}))
        await server.publish(cent.PublishRequest(channel="room:vip", data="in"))
        self.assertEqual((await ears.next("publication")).pub.data, "in")
        presence = (await server.presence(cent.PresenceRequest(channel="room:vip"))).presence
        self.assertEqual([info.user for info in presence.values()], ["bob"])
        stats = await server.presence_stats(cent.PresenceStatsRequest(channel="room:vip"))
        self.assertEqual((stats.num_clients, stats.num_users), (1, 1))

    async def test_a_users_clients_are_disconnected(self):
        _, ears = await self.client("eve")
        reason = cent.Disconnect(code=4501, reason="you again")
        await self.server().disconnect(cent.DisconnectRequest(user="eve", disconnect=reason))
        told = await ears.next("disconnected")
        self.assertEqual((told.code, told.reason), (4501, "you again"))

    async def test_history_is_read_and_removed(self):
        server = self.server()
        for n in range(3):
            await server.publish(cent.PublishRequest(channel="room:log", data=n))
        await server.publish(cent.PublishRequest(channel="room:log", data="not kept", skip_history=True))
        kept = await server.history(cent.HistoryRequest(channel="room:log", limit=-1))
        self.assertEqual(([p.data for p in kept.publications], kept.offset), ([0, 1, 2], 3))
        since = cent.StreamPosition(offset=1, epoch=kept.epoch)
        later = await server.history(cent.HistoryRequest(channel="room:log", limit=1, since=since))
        self.assertEqual([p.offset for p in later.publications], [2])
        await server.history_remove(cent.HistoryRemoveRequest(channel="room:log"))
        left = await server.history(cent.HistoryRequest(channel="room:log", limit=-1))
        self.assertEqual((left.publications, left.offset, left.epoch), ([], 3, kept.epoch))

    async def test_a_batch_has_an_answer_for_each(self):
        requests = [
            cent.PublishRequest(channel="room:batch", data=1),
            cent.HistoryRequest(channel="room:batch", limit=1),
            cent.InfoRequest(),
        ]
        replies = (await self.server().batch(cent.BatchRequest(requests=requests))).replies
        self.assertEqual(replies[0].offset, 1)
        self.assertEqual(replies[1].publications[0].data, 1)
        self.assertEqual(replies[2].nodes[0].name, "switchboard")

    async def test_errors_are_centrifugos_own(self):
        server = self.server()
        refused = [
            (102, lambda: server.publish(cent.PublishRequest(channel="nowhere:1", data=1))),
            (107, lambda: server.publish(cent.PublishRequest(channel="a b", data=1))),
            (107, lambda: server.disconnect(cent.DisconnectRequest(user=""))),
            (108, lambda: server.channels(cent.ChannelsRequest())),
            (108, lambda: server.refresh(cent.RefreshRequest(user="ann"))),
            (108, lambda: server.publish(cent.PublishRequest(channel="room:1", data=1, b64data="MQ=="))),
        ]
        for code, call in refused:
            with self.assertRaises(cent.CentApiResponseError) as error:
                await call()
            self.assertEqual(error.exception.code, code)
        with self.assertRaises(cent.CentTransportError) as error:
            await server.block_user(cent.BlockUserRequest(user="ann"))
        self.assertEqual(error.exception.status_code, 404)

    async def test_a_wrong_key_is_unauthorized(self):
        for key in ("wrong", ""):
            with self.assertRaises(cent.CentUnauthorizedError):
                await self.server(key).info(cent.InfoRequest())

    async def test_the_blocking_client_works_too(self):
        client = cent.Client(self.up["http"] + "/api", "local")
        result = await asyncio.to_thread(client.publish, cent.PublishRequest(channel="room:blocking", data=1))
        self.assertEqual(result.offset, 1)


if __name__ == "__main__":
    unittest.main()
