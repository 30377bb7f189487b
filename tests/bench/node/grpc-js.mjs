import grpc from '@grpc/grpc-js';
import { BIDI, bytes, CREATED_MS, METADATA, ORDER, SERVER_STREAM, TIMEOUT_MS, UNARY } from './shared.mjs';

const same = (message) => message;

export function open(address) {
  // Channels of a process share connections otherwise, and the memory of one could not be told.
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  const call = (...method) => (message) =>
    new Promise((resolve, reject) => {
      const done = (error, reply) => (error ? reject(error) : resolve(reply));
      client.makeUnaryRequest(...method, message, metadata(), options(), done);
    });
  return {
    ...bytes,
    unary: call(UNARY, same, same),
    stream: (wish) => client.makeServerStreamRequest(SERVER_STREAM, same, same, wish, metadata(), options()),
    pingPong: () => turns(client.makeBidiStreamRequest(BIDI, same, same, metadata(), options())),
    async orders() {
      const { Place } = (await import('./orders.mjs')).service;
      const place = call(Place.path, Place.requestSerialize, Place.responseDeserialize);
      return { order: { ...ORDER, createdMs: CREATED_MS }, place };
    },
  };
}

function metadata() {
  const metadata = new grpc.Metadata();
  for (const key in METADATA) {
    metadata.set(key, METADATA[key]);
  }
  return metadata;
}

const options = () => ({ deadline: Date.now() + TIMEOUT_MS });

function turns(call) {
  let wanted;
  call.on('data', (message) => wanted.resolve(message));
  call.on('end', () => wanted.resolve());
  call.on('error', (error) => wanted.reject(error));
  const next = () => new Promise((resolve, reject) => (wanted = { resolve, reject }));
  return {
    turn(message) {
      const reply = next();
      call.write(message);
      return reply;
    },
    end() {
      const end = next();
      call.end();
      return end;
    },
  };
}
