import { Channel } from 'causewire';
import { BIDI, bytes, CREATED_MS, METADATA, ORDER, SERVER_STREAM, TIMEOUT_MS, UNARY } from './shared.mjs';

export function open(address) {
  const channel = new Channel(address, { tls: null });
  const options = () => ({ metadata: METADATA, timeoutMs: TIMEOUT_MS });
  return {
    ...bytes,
    unary: async (message) => (await channel.unary(UNARY, message, options())).message,
    stream: (wish) => channel.serverStreaming(SERVER_STREAM, wish, options()),
    pingPong: () => turns(channel.bidirectional(BIDI, options())),
    async orders() {
      const { Place } = (await import('./orders.mjs')).service; // as grpc-js is given it
      const place = async (order) => (await channel.unary(Place, order, options())).message;
      return { order: { ...ORDER, createdMs: CREATED_MS }, place };
    },
  };
}

function turns(call) {
  return {
    async turn(message) {
      await call.send(message);
      return (await call.next()).value;
    },
    async end() {
      call.closeSend();
      await call.next();
    },
  };
}
