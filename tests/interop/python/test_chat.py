"""Unmodified centrifuge-python clients talk over channels of `switchboard up`.

Build first: `cargo build`. The program to run is named by the environment variable SWITCHBOARD.
"""

import asyncio
import json
import os
import subprocess
import unittest
from pathlib import Path

from centrifuge import Client, PublicationContext, ReplyError, SubscriptionEventHandler

from frames import Relay, check

ROOT = Path(__file__).resolve().parents[3]
PROGRAM = os.environ.get("SWITCHBOARD", str(ROOT / "target/debug/switchboard"))


class Heard(SubscriptionEventHandler):
    """Keeps what a subscription receives."""

    def __init__(self):
        self.publications = asyncio.Queue()

    async def on_publication(self, ctx: PublicationContext) -> None:
        await self.publications.put(ctx.pub)


class Chat(unittest.IsolatedAsyncioTestCase):
    @classmethod
    def setUpClass(cls):
        options = ["up", "--json", "--port", "0", "--http-port", "0", "--aws-port", "0", "--logs", "none"]
        cls.process = subprocess.Popen([PROGRAM, *options], cwd=ROOT, stdout=subprocess.PIPE, text=True)
        line = cls.process.stdout.readline()
        assert line, "it did not come up"
        cls.url = json.loads(line)["websocket"]

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        cls.process.stdout.close()
        assert cls.process.wait(timeout=20) == 0, "a clean end"

    async def client(self, url=None):
        client = Client(url or self.url, proxy=None)
        self.addAsyncCleanup(client.disconnect)
        await client.connect()
        await client.ready(timeout=10)
        return client

    async def subscribe(self, client, channel):
        heard = Heard()
        subscription = client.new_subscription(channel, heard)
        await subscription.subscribe()
        await subscription.ready(timeout=10)
        return subscription, heard.publications

    async def test_two_clients_see_each_others_publications(self):
        alice, bob = await self.client(), await self.client()
        at_alice, to_alice = await self.subscribe(alice, "room:snake")
        _, to_bob = await self.subscribe(bob, "room:snake")
        await at_alice.publish({"text": "hi bob"})
        for heard in (to_alice, to_bob):
            publication = await asyncio.wait_for(heard.get(), 10)
            self.assertEqual(publication.data, {"text": "hi bob"})
        await bob.publish("room:snake", [1, None, "two"])
        publication = await asyncio.wait_for(to_alice.get(), 10)
        self.assertEqual(publication.data, [1, None, "two"])
        self.assertTrue(publication.info.client)

    async def test_presence_tells_who_is_there(self):
        alice, bob = await self.client(), await self.client()
        here, _ = await self.subscribe(alice, "room:pit")
        await self.subscribe(bob, "room:pit")
        self.assertEqual(len((await here.presence()).clients), 2)
        self.assertEqual((await here.presence_stats()).num_clients, 2)

    async def test_errors_are_the_protocols_own(self):
        client = await self.client()
        with self.assertRaises(ReplyError) as refused:
            await client.publish("nowhere:1", 1)
        self.assertEqual(refused.exception.code, 102)
        await client.publish("room:1", "and it goes on")

    async def test_frames_are_as_the_protocols_document_says(self):
        async with Relay(self.url) as relay:
            alice, bob = await self.client(relay.url), await self.client(relay.url)
            room, heard = await self.subscribe(alice, "room:frames")
            await self.subscribe(bob, "room:frames")
            await bob.publish("room:frames", {"text": "hi"})
            await asyncio.wait_for(heard.get(), 10)
            await room.presence()
            await room.presence_stats()
            await room.history(limit=10)
            with self.assertRaises(ReplyError):
                await bob.publish("nowhere:1", 1)
            await alice.disconnect()
            await bob.disconnect()
        both = {"connect", "history", "presence", "presence_stats", "publish", "subscribe"}
        self.assertEqual(check(relay.sent, "command"), both)
        self.assertEqual(check(relay.received, "reply", "push"), both | {"error", "pub"})


if __name__ == "__main__":
    unittest.main()
