// Lines that are no calls.
import { Misuse } from './request.mjs';

export async function channelOperation(line, channels) {
  const entry = channels.named(line.channel);
  if (entry === undefined) {
    throw new Misuse(line.id, 'channel', 'has no call yet');
  }
  const { channel, error } = entry;
  if (error !== undefined) {
    return `{"id":${JSON.stringify(line.id)},"failure":${error.record}}`;
  }
  const answer = { id: line.id };
  switch (line.do) {
    case 'state':
    case 'stats':
      break;
    case 'connect':
      channel.connect();
      break;
    case 'reset_backoff':
      channel.resetBackoff();
      break;
    case 'network_changed':
      channel.networkChanged();
      break;
    case 'close':
      channel.close();
      break;
    case 'wait_for_state_change':
      answer.changed = await channel.waitForStateChange(line.state ?? channel.state, {
        timeoutMs: line.timeout_ms ?? 2 ** 31 - 1,
      });
      break;
    default:
      throw new Misuse(line.id, 'do', 'is unknown');
  }
  const { connections, streams, tasks, bufferedBytes } = channel.stats();
  answer.state = channel.state;
  answer.stats = { connections, streams, tasks, buffered_bytes: bufferedBytes };
  answer.failure = null;
  return JSON.stringify(answer);
}
