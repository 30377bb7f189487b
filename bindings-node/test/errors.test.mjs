// Error classes, and what an error shows.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inspect, promisify } from 'node:util';
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

test('an error for tests', () => {
  const error = causewire.RpcError.of('APP_REJECTED', { code: 5, method: '/a.B/C', hint: 'none' });
  assert.ok(error instanceof causewire.NotFound);
  assert.equal(error.failure.cause, 'APP_REJECTED');
  assert.equal(error.failure.status, 'NOT_FOUND');
  assert.equal(error.failure.method, '/a.B/C');
  assert.equal(error.failure.retry, causewire.CAUSES.APP_REJECTED.retry);
  assert.equal(error.metadata.size, 0);
  assert.match(error.message, /NOT_FOUND APP_REJECTED/);
  for (const [cause, { code }] of Object.entries(causewire.CAUSES)) {
    assert.equal(causewire.RpcError.of(cause).code, code, cause);
  }
  assert.throws(() => causewire.RpcError.of('NO_SUCH_CAUSE'), TypeError);
  assert.throws(() => new causewire.NotFound('x'), TypeError);
  assert.throws(() => new causewire.RpcError(), TypeError);
});

test('a record that crossed a thread makes the same error', async () => {
  const error = await failureOf(plain(testbed.places.faults.refused).unary('/a.B/C', new Uint8Array()));
  for (const sent of [error.record, error.toJSON()]) {
    const again = causewire.RpcError.fromRecord(structuredClone(sent));
    assert.ok(again instanceof causewire.Unavailable);
    assert.equal(again.record, error.record);
    assert.equal(again.message, error.message);
    assert.equal(again.diagnostic(), error.diagnostic());
  }
  assert.throws(() => causewire.RpcError.fromRecord('{}'), TypeError);
});

test('instanceof holds across two copies of the package', async (t) => {
  const root = mkdtempSync(join(tmpdir(), 'causewire-'));
  const here = fileURLToPath(new URL('..', import.meta.url));
  cpSync(join(here, 'dist'), join(root, 'dist'), { recursive: true });
  for (const name of readdirSync(here).filter((name) => name.endsWith('.node'))) {
    symlinkSync(join(here, name), join(root, name));
  }
  const other = createRequire(import.meta.url)(join(root, 'dist', 'index.js'));
  t.after(() => rmSync(root, { recursive: true }));
  assert.notEqual(other.RpcError, causewire.RpcError);
  const channel = new other.Channel(testbed.places.faults.refused, { tls: null });
  const error = await failureOf(channel.unary('/a.B/C', new Uint8Array()));
  assert.ok(error instanceof causewire.Unavailable && error instanceof causewire.RpcError);
  assert.ok(!(error instanceof causewire.NotFound));
  class Ours extends causewire.RpcError {}
  assert.ok(!(error instanceof Ours) && !({} instanceof causewire.RpcError) && !(null instanceof causewire.RpcError));
  assert.ok(new other.Metadata() instanceof causewire.Metadata);
});

test('an import makes nothing and asks nobody', async () => {
  const program = `
    const made = [];
    require('node:async_hooks').createHook({ init: (_, type) => type === 'PROMISE' || made.push(type) }).enable();
    const getReport = process.report.getReport;
    process.report.getReport = (...args) => {
      if (process.report.excludeNetwork !== true) made.push('a report with the names of peers');
      return getReport.call(process.report, ...args);
    };
    const { Channel } = require('causewire');
    const imported = made.splice(0);
    new Channel('a:1');
    require('node:fs').writeSync(1, JSON.stringify({ imported, later: made.filter((type) => type.startsWith('a report')) }));
  `;
  const cwd = fileURLToPath(new URL('.', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], { cwd });
  assert.deepEqual(JSON.parse(stdout), { imported: [], later: [] });
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
