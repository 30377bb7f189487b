// The stack of an error has whoever waited for the call.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { message, plain, service, startTestbed } from './testbed.mjs';

let testbed;
let client;

before(async () => {
  testbed = await startTestbed();
  client = plain(testbed.places.target).client(service);
});
after(() => testbed.close());

const refused = (rest) => message('EchoRequest', { status: { code: 5, message: 'no', details: [] }, ...rest });

const broken = () => {
  throw new Error('canary');
};

/** Each fails while a function of this file waits for it. */
const WAYS = {
  unary: async function waitsForUnary() {
    await client.echo(refused());
  },
  'a message': async function waitsForMessage() {
    for await (const _ of client.echoServerStream(refused({ count: 3 })));
  },
  headers: async function waitsForHeaders() {
    await plain(testbed.places.faults.refused).client(service).echoServerStream(refused()).headers();
  },
  trailers: async function waitsForTrailers() {
    await client.echoServerStream(refused()).trailers();
  },
  'the response': async function waitsForResponse() {
    await client.echoClientStream([refused()]);
  },
  'what failed before': async function waitsForWhatFailed() {
    const call = client.echoBidi([refused()]);
    await new Promise((resolve) => setTimeout(resolve, 50));
    for (;;) await call.next();
  },
  'all of several': async function waitsForAll() {
    await Promise.all([client.echo(refused()), client.echo(message('EchoRequest'))]);
  },
  'a response that cannot be decoded': async function waitsForDecoded() {
    await plain(testbed.places.target).unary({ ...service.echo, decode: broken }, message('EchoRequest'));
  },
};

for (const [name, wait] of Object.entries(WAYS)) {
  test(`of ${name}`, async () => {
    const error = await wait().catch((error) => error);
    const line = error.stack.split('\n').find((line) => line.includes(wait.name));
    assert.match(line ?? error.stack, /stack\.test\.mjs:\d+:\d+/);
    assert.ok(name === 'what failed before' || !error.stack.includes('/dist/'), error.stack);
  });
}
