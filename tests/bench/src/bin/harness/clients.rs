//! Who takes part, and in which cells.
use serde::{Deserialize, Serialize};

/// Clients that are compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Group {
    Node,
    Blocking,
    Asyncio,
    Rust,
    Swift,
}

impl Group {
    /// Its clients are another language's, and have an event loop.
    pub(crate) fn has_a_border(self) -> bool {
        matches!(self, Group::Node | Group::Asyncio | Group::Swift)
    }
}

/// What a client is in its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Ours,
    Peer,
    /// Less than a gRPC client: what nobody can be faster than.
    Floor,
    /// Ours as another checkout has it, beside which changes are judged.
    Before,
}

/// Which program it is; every one is given `ADDRESS VERB`.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Program {
    Node(&'static str),
    Python(&'static str),
    Rust(&'static str),
    Swift,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    pub(crate) name: &'static str,
    pub(crate) group: Group,
    pub(crate) role: Role,
    pub(crate) program: Program,
    pub(crate) cells: &'static [&'static str],
    /// Takes part in cold start and memory.
    pub(crate) whole: bool,
}

/// In the order in which they are measured.
pub(crate) const CELLS: [&str; 9] = [
    "unary",
    "unary_64",
    "threads_8",
    "threads_64",
    "stream_100B",
    "ping_pong",
    "protobuf",
    "stream_64KiB",
    "unary_1MiB",
];

const USUAL: &[&str] = &["unary", "unary_64", "stream_100B", "ping_pong", "protobuf", "stream_64KiB", "unary_1MiB"];
const BYTES: &[&str] = &["unary", "unary_64", "stream_100B", "ping_pong", "stream_64KiB", "unary_1MiB"];
const THREADS: &[&str] =
    &["unary", "threads_8", "threads_64", "stream_100B", "ping_pong", "protobuf", "stream_64KiB", "unary_1MiB"];
const STREAMS: &[&str] = &["stream_100B", "stream_64KiB"];

const fn client(
    name: &'static str,
    group: Group,
    role: Role,
    program: Program,
    cells: &'static [&'static str],
) -> Client {
    Client { name, group, role, program, cells, whole: true }
}

impl Client {
    /// The same client of the other checkout. Made once per run, so its name may live as long.
    pub(crate) fn before(self) -> Client {
        let name = format!("{}, before", self.name).leak();
        Client { name, role: Role::Before, whole: false, ..self }
    }
}

const fn part(client: Client) -> Client {
    Client { whole: false, ..client }
}

use Group::{Asyncio, Blocking, Node, Rust, Swift};
use Role::{Floor, Ours, Peer};

pub(crate) const CLIENTS: [Client; 17] = [
    client("causewire (Node)", Node, Ours, Program::Node("causewire"), USUAL),
    client("@grpc/grpc-js", Node, Peer, Program::Node("grpc-js"), USUAL),
    client("@connectrpc/connect-node", Node, Peer, Program::Node("connect-node"), USUAL),
    client("causewire (Python)", Blocking, Ours, Program::Python("causewire"), THREADS),
    client("grpcio", Blocking, Peer, Program::Python("grpcio"), THREADS),
    part(client("grpcio, SingleThreadedUnaryStream", Blocking, Peer, Program::Python("grpcio-sut"), STREAMS)),
    client("causewire.aio", Asyncio, Ours, Program::Python("causewire.aio"), USUAL),
    client("causewire.aio, uvloop", Asyncio, Ours, Program::Python("causewire.aio-uvloop"), USUAL),
    client("grpc.aio", Asyncio, Peer, Program::Python("grpc.aio"), USUAL),
    client("grpc.aio, uvloop", Asyncio, Peer, Program::Python("grpc.aio-uvloop"), USUAL),
    client("causewire (Rust)", Rust, Ours, Program::Rust("causewire"), USUAL),
    part(client("causewire (Rust), multi_thread", Rust, Ours, Program::Rust("causewire-multi"), USUAL)),
    part(client("causewire (Rust), through the bridge", Rust, Ours, Program::Rust("bridge"), BYTES)),
    client("tonic", Rust, Peer, Program::Rust("tonic"), USUAL),
    part(client("tonic, multi_thread", Rust, Peer, Program::Rust("tonic-multi"), USUAL)),
    client("h2 (the floor)", Rust, Floor, Program::Rust("h2"), USUAL),
    client("causewire (Swift)", Swift, Ours, Program::Swift, BYTES),
];
