//! What is measured. Every client runs the cells that it is asked for and prints one line of JSON for each.
use crate::pb::{Line, Order};
use bytes::{BufMut, Bytes, BytesMut};
use std::{
    str::FromStr,
    time::{Duration, Instant},
};

/// One kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Calls with messages of a type, one at a time.
    Protobuf,
    /// Calls with messages of `size` bytes, `width` at a time.
    Unary { size: usize, width: usize },
    /// Calls that are answered with `count` messages of `size` bytes, one call at a time.
    Stream { size: u32, count: u32 },
    /// One call whose messages are answered in turns.
    PingPong { size: usize },
}

/// Cells that the Rust clients know, by the name that all clients use.
pub const LOADS: [(&str, Load); 7] = [
    ("protobuf", Load::Protobuf),
    ("unary", Load::Unary { size: 100, width: 1 }),
    ("unary_64", Load::Unary { size: 100, width: 64 }),
    ("stream_100B", Load::Stream { size: 100, count: 20_000 }),
    ("stream_64KiB", Load::Stream { size: 64 << 10, count: 400 }),
    ("unary_1MiB", Load::Unary { size: 1 << 20, width: 1 }),
    ("ping_pong", Load::PingPong { size: 100 }),
];

impl FromStr for Load {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = LOADS.iter().find(|(known, _)| *known == name);
        known.map(|(_, load)| *load).ok_or_else(|| format!("there is no cell {name}"))
    }
}

/// What the cell `protobuf` sends, in every language.
pub fn order() -> Order {
    let line = |sku: &str, quantity, price| Line { sku: sku.to_owned(), quantity, price };
    Order {
        id: "ord_01J9ZQ5V7N3K8".to_owned(),
        customer: "cus_00420042".to_owned(),
        lines: vec![line("SKU-1001", 2, 19.99), line("SKU-2002", 1, 249.5), line("SKU-3003", 12, 0.75)],
        labels: [("channel", "web"), ("region", "eu-central")].map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
        created_ms: 1_760_000_000_000,
        signature: vec![7; 64],
    }
}

/// A message of the service: `size` bytes that are also a `google.protobuf.BytesValue`, for clients that only take
/// messages of a type.
pub fn message(size: usize) -> Bytes {
    let mut bytes = BytesMut::with_capacity(size);
    let prefix = (1..=5).map(|varint| 1 + varint).find(|&prefix| {
        let inside = size.saturating_sub(prefix);
        prost::length_delimiter_len(inside) + 1 == prefix
    });
    if let Some(prefix) = prefix.filter(|&prefix| prefix <= size) {
        bytes.put_u8(0x0a);
        prost::encode_length_delimiter(size - prefix, &mut bytes).unwrap();
    }
    bytes.put_bytes(b'x', size - bytes.len());
    bytes.freeze()
}

/// The request of a stream: how many messages, and of how many bytes. A `BytesValue` too.
pub fn wish(count: u32, size: u32) -> Bytes {
    let mut bytes = BytesMut::with_capacity(10);
    bytes.put_slice(&[0x0a, 8]);
    bytes.put_u32_le(count);
    bytes.put_u32_le(size);
    bytes.freeze()
}

/// How long a cell goes on.
#[derive(Clone, Copy, Debug)]
pub enum Budget {
    Time(Duration),
    Operations(u64),
}

/// A budget that is being spent.
#[derive(Clone, Copy, Debug)]
pub struct Spending {
    until: Option<Instant>,
    left: u64,
}

impl Budget {
    pub fn start(self) -> Spending {
        match self {
            Budget::Time(time) => Spending { until: Some(Instant::now() + time), left: u64::MAX },
            Budget::Operations(left) => Spending { until: None, left },
        }
    }
}

impl Spending {
    /// Whether another `operations` may begin. At least one always may.
    pub fn take(&mut self, operations: u64) -> bool {
        if self.left == 0 || self.until.is_some_and(|until| Instant::now() >= until) {
            return false;
        }
        self.left = self.left.saturating_sub(operations);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;

    #[test]
    fn messages_and_wishes_are_byte_values_of_the_size_that_was_asked_for() {
        for size in [2, 3, 100, 129, 130, 131, 16_386, 16_387, 16_388, 64 << 10, 1 << 20] {
            let message = message(size);
            assert_eq!(message.len(), size);
            if size != 130 && size != 16_387 {
                assert!(Vec::<u8>::decode(message).unwrap().len() + 2 <= size);
            }
        }
        assert_eq!(Vec::<u8>::decode(wish(3, 100)).unwrap(), [3, 0, 0, 0, 100, 0, 0, 0]);
    }
}
