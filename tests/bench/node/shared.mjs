// What every call carries, and the messages that carry nothing but bytes.
import { fileURLToPath } from 'node:url';

export const METADATA = { 'x-request-id': '7d0f2c6a94e14b0c', 'x-tenant': 'bench' };
export const TIMEOUT_MS = 30_000;
export const UNARY = '/bench.Echo/Unary';
export const SERVER_STREAM = '/bench.Echo/ServerStream';
export const BIDI = '/bench.Echo/Bidi';
export const PROTO = fileURLToPath(new URL('../proto/bench.proto', import.meta.url));

export const ORDER = {
  id: 'ord_01J9ZQ5V7N3K8',
  customer: 'cus_00420042',
  lines: [
    { sku: 'SKU-1001', quantity: 2, price: 19.99 },
    { sku: 'SKU-2002', quantity: 1, price: 249.5 },
    { sku: 'SKU-3003', quantity: 12, price: 0.75 },
  ],
  labels: { channel: 'web', region: 'eu-central' },
  signature: Buffer.alloc(64, 7),
};
export const CREATED_MS = 1_760_000_000_000;

/** The messages of clients that take bytes. */
export const bytes = {
  message: (size) => Buffer.alloc(size, 'x'),
  size: (message) => message.length,
  /** A `BytesValue` of two numbers. */
  wish(count, size) {
    const request = Buffer.from([0x0a, 8, 0, 0, 0, 0, 0, 0, 0, 0]);
    request.writeUInt32LE(count, 2);
    request.writeUInt32LE(size, 6);
    return request;
  },
};
