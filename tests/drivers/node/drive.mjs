// `tests/drive node`: one JSON object per line in, each starts at once; one object per line out when each is done.
import { createInterface } from 'node:readline';
import { performCall } from './call.mjs';
import { Channels } from './channels.mjs';
import { channelOperation } from './operations.mjs';
import { Misuse, parseLine } from './request.mjs';

const channels = new Channels();
/** Calls that may be cancelled, by the JSON of their id. */
const running = new Map();

function write(text) {
  process.stdout.write(`${text}\n`);
}

async function perform(line) {
  switch (line.op) {
    case undefined:
      return performCall(line, channels, running);
    case 'channel':
      return channelOperation(line, channels);
    case 'cancel':
      running.get(JSON.stringify(line.call))?.abort();
      return JSON.stringify({ id: line.id });
    default:
      return JSON.stringify({ id: line.id, logs: channels.takeLogs() });
  }
}

async function answer(text) {
  let id = null;
  try {
    const line = parseLine(text);
    id = line.id;
    write(await perform(line));
  } catch (error) {
    if (!(error instanceof Misuse) && !(error instanceof TypeError)) {
      throw error;
    }
    write(JSON.stringify({ id: error.id ?? id, error: { field: error.field ?? 'line', message: error.message } }));
  }
}

createInterface({ input: process.stdin, crlfDelay: Infinity }).on('line', (text) => {
  if (text.trim() !== '') {
    void answer(text);
  }
});
