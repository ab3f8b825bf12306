// Records the frames that client libraries send and receive, and holds them to the document of the
// protocol. A library uses `RecordedSocket` as its WebSocket.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import specifications from '@asyncapi/specs';
import { Ajv } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import WebSocket from 'ws';
import { root } from './stack.mjs';

const document = JSON.parse(readFileSync(`${root}/shared/protocol.asyncapi.json`, 'utf8'));

/** Every connection's frames in their order: `{ sent: true, line }`. */
const connections = [];

export class RecordedSocket extends WebSocket {
  #frames = [];

  constructor(...args) {
    super(...args);
    connections.push(this.#frames);
    this.on('message', (data, isBinary) => {
      assert.ok(!isBinary, 'frames are text');
      this.#record(false, data.toString());
    });
  }

  send(text, ...more) {
    this.#record(true, text);
    super.send(text, ...more);
  }

  #record(sent, frame) {
    for (const line of frame.split('\n')) this.#frames.push({ sent, line });
  }
}

/** Checks the document itself, with the schema that AsyncAPI publishes of its version. */
export function checkDocument() {
  const schema = specifications.schemas[document.asyncapi];
  // It brings the schema of schemas itself.
  const ajv = new Ajv({ meta: false, validateSchema: false, strict: false, validateFormats: false });
  assert.ok(ajv.validate(schema, document), ajv.errorsText());
}

/** Checks all that was recorded; gives the names of commands, replies and pushes that were seen. */
export function checkFrames() {
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ $id: 'protocol', components: document.components });
  const fits = (...messages) =>
    ajv.compile({ anyOf: messages.map((name) => ({ $ref: `protocol#/components/messages/${name}/payload` })) });
  const [isCommand, isAnswer] = [fits('command'), fits('reply', 'push')];
  const names = { sent: new Set(), received: new Set() };
  for (const frames of connections) {
    for (const { sent, line } of frames) {
      const message = JSON.parse(line);
      const body = message.push ?? message;
      const kind = sent ? names.sent : names.received;
      for (const name of Object.keys(body)) if (!['id', 'channel'].includes(name)) kind.add(name);
      if (sent && !isCommand(message)) {
        // What the document does not have is refused as such.
        const reply = frames.find((frame) => !frame.sent && JSON.parse(frame.line).id === message.id);
        assert.equal(JSON.parse(reply?.line ?? '{}').error?.code, 107, `${line}\n${ajv.errorsText(isCommand.errors)}`);
      } else if (!sent) {
        assert.ok(isAnswer(message), `${line}\n${ajv.errorsText(isAnswer.errors)}`);
      }
    }
  }
  return { sent: [...names.sent].sort(), received: [...names.received].sort() };
}
