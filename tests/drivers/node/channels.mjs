// Channels by name, or by equal target and options.
import { Channel, RpcError } from '../../../bindings-node/dist/index.mjs';
import { checkMessage } from './wire.mjs';

export class Channels {
  #entries = new Map();
  #logs = [];

  /** `{channel}` or `{error}`: a channel that cannot be built is the failure of each call on it. */
  ofCall(line) {
    const key = line.channel ?? `\0${line.target} ${JSON.stringify(line.options)}`;
    if (!this.#entries.has(key)) {
      this.#entries.set(key, this.#build(line));
    }
    return this.#entries.get(key);
  }

  named(name) {
    return this.#entries.get(name);
  }

  takeLogs() {
    return this.#logs.splice(0);
  }

  #build(line) {
    const hooks = line.hooks ?? {};
    const options = camelCase(line.options ?? {});
    options.logger = ({ level, message }) => this.#logs.push(`${level} ${message}`);
    if (hooks.token !== undefined) {
      const next = script(hooks.token);
      options.tokenProvider = () => next();
    }
    if (hooks.addresses !== undefined) {
      const next = script(hooks.addresses);
      options.resolver = async () => resolution(await next());
    }
    const decode = decoder(hooks.deserialize);
    try {
      return { channel: new Channel(line.target ?? '', options), decode };
    } catch (error) {
      if (error instanceof RpcError) {
        return { error, decode };
      }
      throw error;
    }
  }
}

/** Absent: responses are left as bytes. */
function decoder(deserialize) {
  switch (deserialize) {
    case undefined:
      return undefined;
    case 'protobuf':
      return (bytes) => {
        checkMessage(bytes);
        return bytes;
      };
    case 'throw':
      return () => {
        throw new Error('the deserializer refuses everything');
      };
    default:
      throw new TypeError('hooks.deserialize must be throw or protobuf');
  }
}

/** An async callback: the next entry per use, the last one again and again. */
function script(entries) {
  const left = [...entries];
  return async () => {
    const entry = left.length > 1 ? left.shift() : left[0];
    if (entry?.hang === true) {
      return new Promise(() => {});
    }
    if (entry?.error !== undefined) {
      throw new Error(entry.error);
    }
    return entry;
  };
}

/** Addresses alone, or with a service config. */
function resolution(found) {
  return Array.isArray(found) ? found : { addresses: found.addresses, serviceConfig: found.service_config };
}

/** As a user of this language writes the options. A service config is JSON of its own. */
function camelCase(value) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return value;
  }
  const rename = (key) => key.replace(/_([a-z])/g, (_, letter) => letter.toUpperCase());
  const entries = Object.entries(value).map(([key, inner]) => [
    rename(key),
    key === 'service_config' ? inner : camelCase(inner),
  ]);
  return Object.fromEntries(entries);
}
