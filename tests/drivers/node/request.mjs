// The lines that come in.

/** A line that breaks the protocol. */
export class Misuse extends Error {
  constructor(id, field, message) {
    super(message);
    this.id = id;
    this.field = field;
  }
}

const CALL_KEYS = new Set([
  'id', 'channel', 'target', 'options', 'method', 'kind', 'metadata', 'messages', 'delay_ms', 'deadline_ms',
  'wait_for_ready', 'compression', 'authority', 'idempotent', 'retry', 'cancel_after_ms', 'steps', 'hooks', 'render',
]);
const KINDS = ['unary', 'server_streaming', 'client_streaming', 'bidi'];
const STEPS = ['send', 'send_uncompressed', 'recv', 'headers', 'sleep_ms', 'close', 'cancel', 'drop'];
const OPERATIONS = ['channel', 'cancel', 'logs'];

export function parseLine(text) {
  let line;
  try {
    line = JSON.parse(text);
  } catch (error) {
    throw new Misuse(null, 'line', error.message);
  }
  if (line === null || typeof line !== 'object' || Array.isArray(line)) {
    throw new Misuse(null, 'line', 'must be a JSON object');
  }
  if (line.op === undefined) {
    checkCall(line);
  } else if (!OPERATIONS.includes(line.op)) {
    throw new Misuse(line.id ?? null, 'op', 'is unknown');
  }
  return line;
}

function checkCall(line) {
  const refuse = (field, message) => {
    throw new Misuse(line.id ?? null, field, message);
  };
  for (const key of Object.keys(line)) {
    if (!CALL_KEYS.has(key)) {
      refuse(key, 'is unknown');
    }
  }
  if (typeof line.method !== 'string') {
    refuse('method', 'must be a string');
  }
  if (!KINDS.includes(line.kind)) {
    refuse('kind', `must be one of ${KINDS.join(', ')}`);
  }
  for (const step of line.steps ?? []) {
    const names = Object.keys(step);
    if (names.length !== 1 || !STEPS.includes(names[0])) {
      refuse('steps', `each must be one of ${STEPS.join(', ')}`);
    }
  }
}
