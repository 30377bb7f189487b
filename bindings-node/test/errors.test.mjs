// Error classes, and what an error shows.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { inspect } from 'node:util';
import * as causewire from 'causewire';
import { message, plain, service, startTestbed } from './testbed.mjs';

let testbed;
before(async () => {
  testbed = await startTestbed();
});
after(() => testbed.close());

async function failureOf(promise) {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  assert.fail('expected an error');
}

test('import and require give the same classes', () => {
  const required = createRequire(import.meta.url)('causewire');
  for (const name of Object.keys(required)) {
    assert.equal(required[name], causewire[name], name);
  }
  assert.equal(typeof required.Channel, 'function');
});

test('each status code has a class of its own', async () => {
  const channel = plain(testbed.places.target);
  const names = ['Cancelled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists'];
  names.push('PermissionDenied', 'ResourceExhausted', 'FailedPrecondition', 'Aborted', 'OutOfRange');
  names.push('Unimplemented', 'Internal', 'Unavailable', 'DataLoss', 'Unauthenticated');
  for (const [index, name] of names.entries()) {
    const request = message('EchoRequest', { status: { code: index + 1, message: 'm', details: [] } });
    const error = await failureOf(channel.unary(service.echo, request));
    assert.equal(error.constructor, causewire[name]);
    assert.equal(error.name, name);
    assert.equal(error.code, index + 1);
    assert.ok(error instanceof causewire.RpcError);
  }
});

test('an error tells what happened, and its record is plain JSON', async () => {
  const error = await failureOf(plain(testbed.places.faults.refused).unary('/a.B/C', new Uint8Array()));
  assert.ok(error instanceof causewire.Unavailable);
  assert.equal(error.failure.cause, 'CONNECT_REFUSED');
  assert.equal(error.failure.layer, 'tcp');
  assert.equal(JSON.stringify(error), error.record);
  assert.match(error.message, /CONNECT_REFUSED/);
  assert.match(error.diagnostic(), /\n/);
  assert.ok(error.diagnostic().includes(testbed.places.faults.refused));
  assert.ok(!error.publicMessage().includes('127.0.0.1'));
});

test('what a peer said is in details and metadata, and in nothing that prints', async () => {
  const channel = plain(testbed.places.target, { suppressPeerText: true });
  const request = message('EchoRequest', {
    payload: Buffer.from('canary-payload'),
    headers: [{ key: 'set-cookie', value: Buffer.from('canary-cookie') }],
    trailers: [{ key: 'x-token', value: Buffer.from('canary-token') }],
    status: { code: 16, message: 'canary-message', details: [] },
  });
  const metadata = { authorization: 'Bearer canary-authorization' };
  const error = await failureOf(channel.unary(service.echo, request, { metadata }));
  assert.equal(error.details, 'canary-message');
  assert.equal(error.metadata.get('x-token'), 'canary-token');
  const ok = await channel.unary(service.echo, message('EchoRequest', { payload: Buffer.from('canary-payload') }));
  const shown = [error, error.metadata, error.headers, ok, ok.headers, channel].map((value) =>
    inspect(value, { depth: null, showHidden: true }),
  );
  const printed = [...shown, error.message, error.stack, JSON.stringify(error), JSON.stringify(ok.headers)];
  printed.push(error.diagnostic(), error.publicMessage(), String(error));
  assert.ok(printed.every((text) => !text.includes('canary')), printed.find((text) => text.includes('canary')));
});
