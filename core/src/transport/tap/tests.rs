use super::*;
use crate::failure::evidence::Speaks;
use proptest::prelude::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut v = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    v.extend([kind, flags]);
    v.extend(id.to_be_bytes());
    v.extend(payload);
    v
}

fn setting(key: u16, value: u32) -> Vec<u8> {
    [&key.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

fn goaway(last: u32, code: u32, debug: &[u8]) -> Vec<u8> {
    frame(walker::GOAWAY, 0, 0, &[&last.to_be_bytes()[..], &code.to_be_bytes(), debug].concat())
}

#[tokio::test]
async fn cuts_do_not_matter() {
    let bytes = [
        frame(SETTINGS, 0, 0, &[setting(3, 100), setting(4, 5)].concat()),
        frame(DATA, 0, 1, &[7; 300]),
        frame(DATA, 0, 1, &[]),
        frame(DATA, END_STREAM, 1, &[]),
        frame(SETTINGS, 0, 0, &setting(3, 50)),
        frame(SETTINGS, 0, 0, &[]),
        goaway(9, 0, b"first"),
        frame(HEADERS, 0, 1, &[0; 9000]),
        frame(CONTINUATION, END_HEADERS, 1, &[0; 100]),
        goaway(7, 70007, &[b'd'; 3000]),
        frame(PING, 0, 0, &[0; 8]),
    ]
    .concat();
    for step in (1..40).chain([100, 1000, 4096, bytes.len()]) {
        let (near, mut far) = duplex(1 << 20);
        let (mut tap, wire) = Tap::new(near, None);
        far.write_all(&bytes).await.unwrap();
        drop(far);
        let mut got = vec![];
        let mut buf = vec![0; step];
        loop {
            let n = tap.read(&mut buf).await.unwrap();
            got.extend_from_slice(&buf[..n]);
            if n == 0 {
                break;
            }
        }
        assert_eq!(got, bytes);
        let seen = wire.seen();
        let settings = seen.settings.unwrap();
        assert_eq!((settings.max_concurrent_streams, settings.initial_window), (Some(50), Some(5)));
        assert_eq!(seen.first_goaway, Some(GoAway { last_stream: 9, code: 0, debug: b"first".to_vec() }));
        assert_eq!(seen.last_goaway, Some(GoAway { last_stream: 7, code: 70007, debug: vec![b'd'; 1024] }));
        assert_eq!(seen.largest_block, (1, 9100));
        assert!(seen.first_bytes.is_empty() && matches!(seen.read_end, Some(End::Eof { inside_frame: false })));
        assert_eq!((wire.empty_data_in(), wire.bytes_in()), (1, bytes.len() as u64));
    }
}

#[tokio::test]
async fn an_end_inside_a_frame_is_told() {
    let bytes = [frame(SETTINGS, 0, 0, &[]), frame(DATA, 0, 1, b"hello")].concat();
    for cut in [9, 10, 18, 20] {
        let (near, mut far) = duplex(100);
        let (mut tap, wire) = Tap::new(near, None);
        far.write_all(&bytes[..cut]).await.unwrap();
        drop(far);
        tap.read_to_end(&mut vec![]).await.unwrap();
        let inside = cut != 9;
        assert!(matches!(wire.seen().read_end, Some(End::Eof { inside_frame }) if inside_frame == inside), "{cut}");
    }
}

#[tokio::test]
async fn writes_count_only_what_was_accepted() {
    let (near, _far) = duplex(PREFACE.len() + 9 + 20 + 8); // the second HEADERS head is cut
    let (mut tap, wire) = Tap::new(near, None);
    let bytes = [PREFACE.to_vec(), frame(HEADERS, END_HEADERS, 1, &[0; 20]), frame(HEADERS, END_HEADERS, 3, &[0; 20])];
    let bytes = bytes.concat();
    let mut written = 0;
    while written < PREFACE.len() + 9 + 20 + 8 {
        written += tap.write(&bytes[written..]).await.unwrap();
    }
    assert!(!wire.write_blocked());
    let blocked = std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut tap).poll_write(cx, &bytes[written..]))).await;
    assert!(blocked.is_pending() && wire.write_blocked());
    assert!(wire.may_have_left(1) && !wire.may_have_left(3));
}

/// As TLS writes: a record for each slice. The second fails.
struct Records(RawTap<tokio::io::DuplexStream>, usize);

impl AsyncWrite for Records {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        for record in bufs.iter().take(self.1) {
            assert!(Pin::new(&mut self.0).poll_write(cx, record).is_ready());
        }
        self.poll_write(cx, &[])
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[tokio::test]
async fn a_write_that_fails_after_its_first_record_may_have_left() {
    for records in [0, 1] {
        let (near, _far) = duplex(4096);
        let (raw, below) = RawTap::new(near);
        let (mut tap, wire) = Tap::new(Records(raw, records), Some(below));
        let head = [PREFACE.to_vec(), frame(HEADERS, END_HEADERS, 1, &[0; 20])].concat();
        let bufs = [IoSlice::new(&head), IoSlice::new(&[7; 100])];
        let written = std::future::poll_fn(|cx| Pin::new(&mut tap).poll_write_vectored(cx, &bufs)).await;
        assert!(written.is_ok() && wire.seen().write_end.is_some(), "told on the read side");
        assert_eq!(wire.may_have_left(1), records > 0, "{records} records");
    }
}

#[test]
fn openings_are_told_apart() {
    let cases: &[(&[u8], Opening)] = &[
        (b"", Opening::NeedMore),
        (&[0, 0, 0, 4], Opening::NeedMore),
        (&[0, 0, 0, 4, 0], Opening::Http2),
        (&[0, 0, 8, 7, 0], Opening::Http2),
        (&[0, 0, 0, 4, 1], Opening::Not(Speaks::Unknown)),
        (b"HTTP/1.1 400", Opening::Not(Speaks::Http1)),
        (&[0x15, 3, 1, 0, 2], Opening::Not(Speaks::Tls)),
        (b"SSH-2", Opening::Not(Speaks::Ssh)),
        (b"220 m", Opening::Not(Speaks::Unknown)),
    ];
    for (bytes, expected) in cases {
        assert_eq!(opening(bytes), *expected, "{bytes:?}");
    }
    assert_eq!(speaks(&[0, 0, 24, 4, 0, 0, 0, 0, 0]), Speaks::Http2);
    assert_eq!(speaks(&[0, 0, 8, 7, 0, 0]), Speaks::Http2);
}

#[tokio::test]
async fn the_raw_tap_keeps_the_first_bytes_only() {
    let (near, mut far) = duplex(4096);
    let (mut tap, first) = RawTap::new(near);
    let bytes: Vec<u8> = (0..200).collect();
    for part in bytes.chunks(30) {
        far.write_all(part).await.unwrap();
        tap.read_exact(&mut vec![0; part.len()]).await.unwrap();
    }
    assert_eq!(first.first_bytes(), bytes[..FIRST_BYTES]);
}

/// What the walker tells of some bytes fed in pieces.
fn walk(pieces: &[&[u8]]) -> (Vec<String>, usize) {
    let (mut walker, mut told, mut largest) = (Walker::default(), vec![], 0);
    for piece in pieces {
        walker.feed(piece, |step| {
            if let Step::Payload(_, payload) = &step {
                largest = largest.max(payload.len());
            }
            told.push(format!("{step:?}"));
        });
    }
    (told, largest)
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = (any::<u8>(), any::<u8>(), any::<u32>(), prop::collection::vec(any::<u8>(), 0..3000))
        .prop_map(|(kind, flags, id, payload)| frame(kind % 12, flags, id, &payload));
    prop::collection::vec(frame, 0..6).prop_map(|frames| frames.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 256,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x7a90),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_bytes_are_walked_alike_however_they_are_cut(
        bytes in prop_oneof![frames(), prop::collection::vec(any::<u8>(), 0..6000)],
        step in 1usize..50,
    ) {
        let (whole, largest) = walk(&[&bytes]);
        prop_assert_eq!(&whole, &walk(&bytes.chunks(step).collect::<Vec<_>>()).0);
        prop_assert!(largest <= 1032);
    }

    #[test]
    fn any_bytes_pass_the_tap_without_panic_or_growth(
        opening in any::<bool>(),
        bytes in prop_oneof![frames(), prop::collection::vec(any::<u8>(), 0..6000)],
        step in 1usize..5000,
    ) {
        let bytes = if opening { [frame(SETTINGS, 0, 0, &[]), bytes].concat() } else { bytes };
        let (mut tap, wire) = Tap::new((), None);
        for piece in bytes.chunks(step) {
            if tap.saw_read(piece).is_err() {
                prop_assert!(wire.seen().not_http2.is_some());
                break;
            }
        }
        tap.saw_write(bytes.chunks(step), bytes.len());
        let seen = wire.seen();
        prop_assert!(seen.first_bytes.len() <= FIRST_BYTES);
        prop_assert!(seen.last_goaway.is_none_or(|goaway| goaway.debug.len() <= 1024));
    }
}
