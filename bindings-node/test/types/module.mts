// A program that uses the package, for the type checker alone.
import {
  type CallOptions,
  type Cause,
  Channel,
  type ChannelOptions,
  ClientStreamingCall,
  type ConnectivityState,
  type Failure,
  Metadata,
  type Method,
  PermissionDenied,
  Response,
  RpcError,
} from 'causewire';

interface User {
  name: string;
}

const getUser: Method<{ id: number }, User, 'unary'> = {
  path: '/users.Users/Get',
  kind: 'unary',
  encode: (request) => Buffer.from([request.id]),
  decode: (bytes) => ({ name: bytes.toString() }),
};
const stubs = {
  listUsers: {
    path: '/users.Users/List',
    requestStream: false,
    responseStream: true,
    requestSerialize: (request: { page: number }) => Buffer.from([request.page]),
    responseDeserialize: (bytes: Buffer): User => ({ name: bytes.toString() }),
  },
  chat: {
    path: '/users.Users/Chat',
    requestStream: true,
    responseStream: true,
    requestSerialize: (request: User) => Buffer.from(request.name),
    responseDeserialize: (bytes: Buffer): User => ({ name: bytes.toString() }),
  },
} as const;

const options: ChannelOptions = {
  tls: { caPem: '', serverName: 'users' },
  keepalive: { timeMs: 10_000 },
  retry: { enabled: true },
  tokenProvider: async ({ audience }) => `token for ${audience}`,
  resolver: (target) => [target],
  logger: ({ level, message }) => console.log(level, message),
};
// @ts-expect-error: no such option
const wrong: ChannelOptions = { keepAlive: {} };

export async function program(signal: AbortSignal): Promise<User[]> {
  await using channel = new Channel('dns:///users:443', options);
  const call: CallOptions = { timeoutMs: 500, signal, metadata: { 'x-trace-bin': new Uint8Array(), accept: ['a', 'b'] } };
  const { message, headers, peer } = await channel.unary('/users.Users/Get', new Uint8Array(), call);
  const bytes: Buffer = message;
  const trace: string | Buffer | undefined = headers.get('x-trace');
  const typed = await channel.unary(getUser, { id: 5 }, { metadata: new Metadata([['a', 'b']]) });
  const users: User[] = [typed.message];
  const client = channel.client({ getUser, ...stubs });
  users.push((await client.getUser({ id: 6 })).message);
  for await (const user of client.listUsers({ page: 1 }, { timeoutMs: 5 })) {
    users.push(user);
  }
  const chat = client.chat();
  const accepted: boolean = await chat.send({ name: 'a' });
  chat.closeSend();
  // @ts-expect-error: a request of another type
  await client.getUser({ page: 1 });
  // @ts-expect-error: bytes are needed where there is no descriptor
  channel.serverStreaming('/users.Users/List', 'text');
  const state: ConnectivityState = channel.state;
  console.log(bytes, trace, peer, accepted, state, wrong);
  return users;
}

// @ts-expect-error: errors are made by calls, and by `RpcError.of`
export const garbage = new PermissionDenied('x');
// @ts-expect-error: calls make responses
export const noResponse = new Response();
// @ts-expect-error: channels make calls
export const noCall = new ClientStreamingCall({});
export const made: RpcError = RpcError.of('APP_REJECTED', { code: 5 });

export async function upload(channel: Channel): Promise<Buffer> {
  const { message } = await channel.clientStreaming('/users.Users/Upload', [new Uint8Array()]);
  // @ts-expect-error: no call has a deadline
  await channel.unary('/users.Users/Get', message, { deadline: 5 });
  return message;
}

export function explain(error: unknown): string {
  if (error instanceof PermissionDenied) {
    return error.publicMessage();
  }
  if (error instanceof RpcError) {
    const failure: Failure = error.failure;
    const cause: Cause = failure.cause;
    const port: string | undefined = failure.evidence?.address;
    return `${cause} ${failure.retry} ${port} ${error.code} ${error.metadata.size}`;
  }
  return String(error);
}
