// The same types by `require`.
import causewire = require('causewire');

const channel: causewire.Channel = new causewire.Channel('unix:/run/users.sock', { tls: null });
const call: causewire.ServerStreamingCall<Uint8Array, Buffer> = channel.serverStreaming('/a.B/C', new Uint8Array());
export const first: Promise<IteratorResult<Buffer, undefined>> = call.next();
