// Unmodified centrifuge-js clients talk over channels of `switchboard up`. Build first:
// `cargo build && cargo build --example peer`.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';
import { checkDocument, checkFrames, RecordedSocket } from './frames.mjs';
import { root, Stack } from './stack.mjs';

const SECRET = 'not-so-secret';

let stack;
before(async () => { stack = await Stack.start(); });
after(async () => { assert.equal(await stack.stop(), 0, 'a clean end'); });

/** A client that is connected, with the sockets that it opened. */
async function connect(options = {}) {
  const sockets = [];
  class Socket extends RecordedSocket {
    constructor(...args) {
      super(...args);
      sockets.push(this);
    }
  }
  const client = new Centrifuge(stack.addresses.websocket, { websocket: Socket, ...options });
  client.connect();
  await client.ready(10_000);
  return { client, sockets };
}

async function subscribe(client, channel) {
  const subscription = client.newSubscription(channel);
  subscription.subscribe();
  await subscription.ready(10_000);
  return subscription;
}

const publication = (subscription) => new Promise((resolve) => subscription.once('publication', resolve));

test('two clients see each other\'s publications', async () => {
  const [alice, bob] = [await connect(), await connect()];
  const [atAlice, atBob] = [await subscribe(alice.client, 'room:chat'), await subscribe(bob.client, 'room:chat')];

  let both = Promise.all([publication(atAlice), publication(atBob)]);
  await atAlice.publish({ text: 'hi bob', nested: [1, null, { a: '"\n' }] });
  for (const { data, channel } of await both) {
    assert.deepEqual(data, { text: 'hi bob', nested: [1, null, { a: '"\n' }] });
    assert.equal(channel, 'room:chat');
  }
  both = Promise.all([publication(atAlice), publication(atBob)]);
  await bob.client.publish('room:chat', 'hi alice');
  for (const { data, info } of await both) {
    assert.equal(data, 'hi alice');
    assert.ok(info.client, 'the publisher is named');
  }
  alice.client.disconnect();
  bob.client.disconnect();
});

test('a JavaScript client and a Rust client see each other\'s publications', async () => {
  const peer = spawn(`${root}/target/debug/examples/peer`, [stack.addresses.websocket, 'room:mixed'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const heard = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  assert.equal((await heard.next()).value, 'joined');

  const [alice, bob] = [await connect(), await connect()];
  const atBoth = await Promise.all([alice, bob].map(({ client }) => subscribe(client, 'room:mixed')));
  await atBoth[0].publish({ from: 'js' });
  assert.deepEqual(JSON.parse((await heard.next()).value), { from: 'js' });

  const both = Promise.all(atBoth.map(publication));
  peer.stdin.write('{"from":"rust"}\n');
  for (const { data } of await both) assert.deepEqual(data, { from: 'rust' });
  peer.stdin.end();
  assert.deepEqual(await once(peer, 'exit'), [0, null]);
  alice.client.disconnect();
  bob.client.disconnect();
});

test('several subscriptions of one client, and none of another channel\'s publications', async () => {
  const { client } = await connect();
  const subscriptions = await Promise.all(['room:a', 'room:b', 'room:c'].map((name) => subscribe(client, name)));
  const heard = [];
  for (const subscription of subscriptions) subscription.on('publication', ({ channel, data }) => heard.push([channel, data]));
  for (const name of ['room:b', 'room:none', 'room:c']) await client.publish(name, name);
  const last = publication(subscriptions[0]);
  await client.publish('room:a', 'last');
  await last;
  assert.deepEqual(heard.sort(), [['room:a', 'last'], ['room:b', 'room:b'], ['room:c', 'room:c']]);
  client.disconnect();
});

test('presence tells who is there', async () => {
  const [alice, bob] = [await connect(), await connect()];
  const room = await subscribe(alice.client, 'room:here');
  await subscribe(bob.client, 'room:here');
  const { clients } = await room.presence();
  assert.equal(Object.keys(clients).length, 2);
  assert.deepEqual(await room.presenceStats(), { numClients: 2, numUsers: 1 });
  bob.client.disconnect();
  alice.client.disconnect();
});

test('who joins and leaves is told to those who ask for it', async () => {
  const [alice, bob] = [await connect(), await connect()];
  const room = alice.client.newSubscription('room:door', { joinLeave: true });
  const told = [];
  const joined = new Promise((resolve) => room.once('join', resolve));
  const left = new Promise((resolve) => room.once('leave', resolve));
  room.on('join', ({ info }) => told.push(['join', info.client]));
  room.on('leave', ({ info }) => told.push(['leave', info.client]));
  room.subscribe();
  await room.ready(10_000);
  await subscribe(bob.client, 'room:door');
  const { info } = await joined;
  bob.client.disconnect();
  await left;
  assert.deepEqual(told, [['join', info.client], ['leave', info.client]]);
  alice.client.disconnect();
});

test('errors are the protocol\'s own', async () => {
  const { client } = await connect();
  await assert.rejects(client.publish('nowhere:1', 1), { code: 102, message: 'unknown channel' });
  await assert.rejects(client.publish('room 1', 1), { code: 107, message: 'bad request' });
  await assert.rejects(client.history('room:1'), { code: 103, message: 'permission denied' });
  await assert.rejects(client.rpc('dm', {}), { code: 104, message: 'method not found' });
  const refused = client.newSubscription('nowhere:1');
  const [context] = await new Promise((resolve) => {
    refused.once('unsubscribed', (...args) => resolve(args));
    refused.subscribe();
  });
  assert.equal(context.code, 102);
  await client.publish('room:1', 'and it goes on');
  client.disconnect();
});

/** A token as a user's own server signs it. */
function token(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT' })}.${part(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

test('a token says who the client is, and is refreshed before it ends', async () => {
  const strict = await Stack.start(['--parameter', `TokenSecret=${SECRET}`, '--parameter', 'AllowAnonymous=false']);
  try {
    const now = () => Math.floor(Date.now() / 1000);
    let tokens = 0;
    const getToken = async () => {
      tokens += 1;
      return token({ sub: 'alice', exp: now() + (tokens === 1 ? 2 : 600), info: { name: 'Alice' } });
    };
    const alice = new Centrifuge(strict.addresses.websocket, { websocket: RecordedSocket, getToken });
    alice.connect();
    await alice.ready(10_000);
    const room = await subscribe(alice, 'room:tokens');
    await strict.log(({ line }) => line._aws && line.command === 'refresh');
    assert.equal(tokens, 2, 'the library has refreshed by itself');
    const heard = publication(room);
    await room.publish('still here');
    assert.deepEqual((await heard).info, { client: (await heard).info.client, user: 'alice', connInfo: { name: 'Alice' } });
    alice.disconnect();

    const nobody = new Centrifuge(strict.addresses.websocket, { websocket: RecordedSocket });
    const refused = new Promise((resolve) => nobody.once('disconnected', resolve));
    nobody.connect();
    assert.equal((await refused).code, 101);
  } finally {
    assert.equal(await strict.stop(), 0);
  }
});

test('tokens open channels, and subscribe their client', async () => {
  const namespaces = {
    room: { allow_publish_for_client: true, history_size: 10, history_ttl: '1h', force_recovery: true },
    box: { personal_channel: true, allow_publish_for_client: true, history_size: 10, history_ttl: '1h' },
  };
  const strict = await Stack.start([
    '--parameter', `TokenSecret=${SECRET}`, '--parameter', `Namespaces=${JSON.stringify(namespaces)}`,
  ]);
  try {
    const sockets = [];
    class Socket extends RecordedSocket {
      constructor(...args) {
        super(...args);
        sockets.push(this);
      }
    }
    const now = () => Math.floor(Date.now() / 1000);
    const claims = { sub: 'alice', exp: now() + 600, channels: ['room:all'], caps: [{ channels: ['room:cap'], allow: ['sub'] }] };
    const options = { websocket: Socket, token: token(claims), minReconnectDelay: 10, maxReconnectDelay: 50 };
    const alice = new Centrifuge(strict.addresses.websocket, options);
    const heard = [];
    const next = () => new Promise((resolve) => alice.once('publication', resolve));
    alice.on('publication', ({ channel, data }) => heard.push([channel, data]));
    const subscribed = new Set();
    const both = new Promise((resolve) => alice.on('subscribed', ({ channel }) => {
      subscribed.add(channel);
      if (subscribed.size === 2) resolve();
    }));
    alice.connect();
    await both;
    assert.deepEqual([...subscribed].sort(), ['box:#alice', 'room:all']);
    let heardNext = next();
    await alice.publish('box:#alice', 'to myself');
    await heardNext;

    // Server-side subscriptions recover as others do.
    const bob = new Centrifuge(strict.addresses.websocket, { websocket: RecordedSocket, token: token({ sub: 'bob' }) });
    bob.connect();
    await bob.ready(10_000);
    const away = new Promise((resolve) => alice.once('connecting', resolve));
    heardNext = next();
    sockets[0].terminate();
    await away;
    await bob.publish('room:all', 'meanwhile');
    await heardNext;
    assert.deepEqual(heard, [['box:#alice', 'to myself'], ['room:all', 'meanwhile']]);

    // A capability, a subscription token that is refreshed, and one that is another's.
    await subscribe(alice, 'room:cap');
    let grants = 0;
    const getToken = async ({ channel }) => {
      grants += 1;
      return token({ sub: 'alice', channel, exp: now() + (grants === 1 ? 2 : 600) });
    };
    const secret = alice.newSubscription('room:secret', { getToken });
    secret.subscribe();
    await secret.ready(10_000);
    await strict.log(({ line }) => line._aws && line.command === 'sub_refresh');
    assert.equal(grants, 2);
    const refused = alice.newSubscription('room:other', { token: token({ sub: 'bob', channel: 'room:other' }) });
    const ended = new Promise((resolve) => refused.once('unsubscribed', resolve));
    refused.subscribe();
    assert.equal((await ended).code, 103);
    alice.disconnect();
    bob.disconnect();
  } finally {
    assert.equal(await strict.stop(), 0);
  }
});

test('a token where none is expected ends the client for good', async () => {
  const client = new Centrifuge(stack.addresses.websocket, { websocket: RecordedSocket, token: 'eyJhbGciOiJub25lIn0.e30.' });
  const ended = new Promise((resolve) => client.once('disconnected', resolve));
  client.connect();
  const { code, reason } = await ended;
  assert.deepEqual({ code, reason }, { code: 3500, reason: 'invalid token' });
});

test('a client that has lost its socket connects and subscribes again', async () => {
  const [alice, bob] = [await connect({ minReconnectDelay: 10, maxReconnectDelay: 50 }), await connect()];
  const atAlice = await subscribe(alice.client, 'room:again');
  const again = new Promise((resolve) => atAlice.once('subscribed', resolve));
  alice.sockets[0].terminate();
  await again;
  assert.equal(alice.sockets.length, 2);
  const heard = publication(atAlice);
  await bob.client.publish('room:again', 'welcome back');
  assert.equal((await heard).data, 'welcome back');
  alice.client.disconnect();
  bob.client.disconnect();
});

test('a client that comes back is given what it has missed', async () => {
  const [alice, bob] = [await connect({ minReconnectDelay: 200, maxReconnectDelay: 400 }), await connect()];
  const atAlice = alice.client.newSubscription('room:missed');
  const heard = [];
  atAlice.on('publication', ({ data, offset, info }) => heard.push({ data, offset, publisher: info.client }));
  const first = new Promise((resolve) => atAlice.once('subscribed', resolve));
  atAlice.subscribe();
  const begin = await first;
  assert.deepEqual([begin.recoverable, begin.positioned, begin.wasRecovering], [true, true, false]);
  assert.equal(begin.streamPosition.offset, 0);

  const live = publication(atAlice);
  await bob.client.publish('room:missed', 'live');
  await live;
  const away = new Promise((resolve) => alice.client.once('connecting', resolve));
  const again = new Promise((resolve) => atAlice.once('subscribed', resolve));
  alice.sockets[0].terminate();
  await away;
  for (const n of [1, 2, 3]) await bob.client.publish('room:missed', { n });
  const { wasRecovering, recovered } = await again;
  assert.deepEqual({ wasRecovering, recovered }, { wasRecovering: true, recovered: true });

  const next = new Promise((resolve) => atAlice.on('publication', ({ data }) => data === 'and on' && resolve()));
  await bob.client.publish('room:missed', 'and on');
  await next;
  const { publisher } = heard[0];
  assert.deepEqual(heard, ['live', { n: 1 }, { n: 2 }, { n: 3 }, 'and on'].map((data, at) => ({ data, offset: at + 1, publisher })));
  alice.client.disconnect();
  bob.client.disconnect();
});

test('history is read by limit, from a position, and in reverse', async () => {
  const { client } = await connect();
  const room = await subscribe(client, 'room:past');
  const empty = await room.history();
  assert.deepEqual([empty.publications, empty.offset], [[], 0]);
  for (const n of [1, 2, 3, 4]) await room.publish(n);
  const read = async (options) => (await room.history(options)).publications.map(({ offset, data }) => [offset, data]);
  assert.deepEqual(await read({ limit: 2 }), [[1, 1], [2, 2]]);
  assert.deepEqual(await read({ limit: 2, since: { offset: 2, epoch: empty.epoch } }), [[3, 3], [4, 4]]);
  assert.deepEqual(await read({ limit: 3, reverse: true }), [[4, 4], [3, 3], [2, 2]]);
  const { publications, offset, epoch } = await room.history({ limit: 0 });
  assert.deepEqual([publications, offset, epoch], [[], 4, empty.epoch]);
  await assert.rejects(room.history({ limit: 1, since: { offset: 1, epoch: 'other' } }), { code: 112, message: 'unrecoverable position' });
  client.disconnect();
});

test('a position of another time is not recovered', async () => {
  const { client } = await connect();
  const subscription = client.newSubscription('room:old', { since: { offset: 7, epoch: 'another' } });
  const subscribed = new Promise((resolve) => subscription.once('subscribed', resolve));
  subscription.subscribe();
  const { wasRecovering, recovered } = await subscribed;
  assert.deepEqual({ wasRecovering, recovered }, { wasRecovering: true, recovered: false });
  client.disconnect();
});

test('a client that publishes large frames is told the limit by API Gateway\'s close code', async () => {
  const socket = new WebSocket(stack.addresses.websocket);
  await once(socket, 'open');
  socket.send('x'.repeat(40 * 1024));
  const [code] = await once(socket, 'close');
  assert.equal(code, 1009);
});

test('every event leaves an access log line and the function\'s wide event', async () => {
  const { client } = await connect();
  await client.publish('room:log', { secret: 'nobody logs this' });
  client.disconnect();
  const gone = await stack.log(({ line }) => line.eventType === 'DISCONNECT' && line._aws && line.disconnectReason !== '');
  const ofIt = stack.lines.filter(({ line }) => line.connectionId === gone.line.connectionId);
  const counts = {};
  for (const { group, line } of ofIt) {
    const kind = `${group.includes('access') ? 'access' : 'function'} ${line.eventType}`;
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  assert.equal(counts['access CONNECT'], 1);
  assert.equal(counts['function CONNECT'], 1);
  assert.equal(counts['access MESSAGE'], counts['function MESSAGE']);
  assert.ok(!JSON.stringify(stack.lines).includes('nobody logs this'), 'payloads are not logged');
});

test('the protocol\'s document is one of AsyncAPI', () => {
  checkDocument();
});

// The last test: it looks at what the others have sent and received.
test('every frame of the library is as the protocol\'s document says', () => {
  const { sent, received } = checkFrames();
  const both = ['connect', 'history', 'presence', 'presence_stats', 'publish', 'refresh', 'sub_refresh', 'subscribe'];
  assert.deepEqual(sent, [...both, 'rpc'].sort());
  assert.deepEqual(received, [...both, 'disconnect', 'error', 'join', 'leave', 'pub'].sort());
});
