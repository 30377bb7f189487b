//! An answer that was received whole is told, whatever happens before it is read.
use super::{super::*, peer::*};
use crate::failure::evidence::Evidence;

const REFUSAL: &[(&str, &str)] = &[(":status", "200"), ("content-type", "application/grpc"), ("grpc-status", "8")];
const STATUS: &[(&str, &str)] = &[("grpc-status", "8")];

/// What the peer does after its answer.
#[derive(Clone, Copy, Debug)]
enum After {
    Eof,
    TcpReset,
    Rst(u32),
    RstAndEof(u32),
    GoAwayAndEof,
    /// GOAWAY that disowns the very stream.
    Disowned,
    WindowOverflow,
    Violation,
}

const ALL: [After; 11] = [
    After::Eof,
    After::TcpReset,
    After::Rst(0),
    After::Rst(2),
    After::Rst(7),
    After::Rst(8),
    After::RstAndEof(8),
    After::GoAwayAndEof,
    After::Disowned,
    After::WindowOverflow,
    After::Violation,
];

/// Sends `answer` to a call whose request goes on, and what follows; the call reads when all of it is over.
async fn read_late(answer: Vec<u8>, after: After) -> (Client, Call) {
    let (c, mut p) = plain().await;
    let call = c.open(false).unwrap();
    p.want(HEADERS).await;
    let last = match after {
        After::Eof | After::TcpReset => vec![],
        After::Rst(code) | After::RstAndEof(code) => rst(1, code),
        After::GoAwayAndEof => goaway(1, 0, b""),
        After::Disowned => goaway(0, 0, b""),
        After::WindowOverflow => window(1, (1 << 31) - 1),
        After::Violation => frame(DATA, 0, 0, b"x"),
    };
    p.send([answer, last].concat()).await;
    match after {
        After::Rst(_) | After::WindowOverflow => drop(p.barrier().await),
        After::TcpReset => {
            p.barrier().await;
            p.reset();
            c.connection.closed_or_draining().await;
        }
        _ => {
            drop(p);
            while c.connection.closed_or_draining().await != Life::Closed {
                tokio::task::yield_now().await;
            }
        }
    }
    (c, call)
}

#[tokio::test]
async fn trailers_only() {
    for after in ALL {
        let (_c, (send, mut recv)) = read_late(headers(1, END_STREAM, REFUSAL), after).await;
        let head = recv.head().await.unwrap_or_else(|fault| panic!("{after:?} {fault:?}"));
        assert_eq!(head.headers["grpc-status"], "8", "{after:?}");
        assert!(recv.is_end_stream(), "{after:?}: a response that is nothing but this");
        assert!(recv.data().await.is_none() && recv.trailers().await.unwrap().is_none(), "{after:?}");
        drop((send, recv));
    }
}

#[tokio::test]
async fn an_answer_with_messages() {
    let shapes = [
        ("a message", [headers(1, 0, OK), message(1, b"hello"), headers(1, END_STREAM, STATUS)].concat(), 10),
        ("no message", [headers(1, 0, OK), headers(1, END_STREAM, STATUS)].concat(), 0),
        (
            "after 100",
            [headers(1, 0, &[(":status", "100")]), headers(1, 0, OK), headers(1, END_STREAM, STATUS)].concat(),
            0,
        ),
        ("two statuses", [headers(1, 0, REFUSAL), headers(1, END_STREAM, STATUS)].concat(), 0),
    ];
    for (shape, answer, bytes) in shapes {
        for after in ALL {
            let (_c, (send, mut recv)) = read_late(answer.clone(), after).await;
            recv.head().await.unwrap_or_else(|fault| panic!("{shape} {after:?} {fault:?}"));
            assert!(!recv.is_end_stream(), "{shape} {after:?}");
            let mut received = 0;
            while let Some(data) = recv.data().await {
                received += data.unwrap_or_else(|fault| panic!("{shape} {after:?} {fault:?}")).len();
            }
            assert_eq!(received, bytes, "{shape} {after:?}");
            let trailers = recv.trailers().await.unwrap_or_else(|fault| panic!("{shape} {after:?} {fault:?}"));
            assert_eq!(trailers.unwrap()["grpc-status"], "8", "{shape} {after:?}");
            drop(send);
        }
    }
}

#[tokio::test]
async fn after_a_response_of_1xx() {
    for after in ALL {
        let answer = [headers(1, 0, &[(":status", "100")]), headers(1, END_STREAM, REFUSAL)].concat();
        let (_c, (_send, mut recv)) = read_late(answer, after).await;
        assert_eq!(recv.head().await.unwrap().headers["grpc-status"], "8", "{after:?}");
        assert!(recv.is_end_stream(), "{after:?}");
    }
}

/// Headers with a status and without the end of the stream are no answer yet.
#[tokio::test]
async fn an_answer_that_was_cut_is_not_told_as_whole() {
    let cut = [headers(1, 0, REFUSAL), message(1, b"hi")[..11].to_vec()].concat();
    let cases =
        [(headers(1, 0, REFUSAL), After::Eof), (headers(1, 0, REFUSAL), After::RstAndEof(8)), (cut, After::Eof)];
    for (answer, after) in cases {
        let (_c, (_send, mut recv)) = read_late(answer, after).await;
        recv.head().await.unwrap();
        assert!(!recv.is_end_stream(), "{after:?}");
        let fault = recv.data().await.unwrap().unwrap_err();
        let reset = *fault.evidence == Evidence::Reset { code: 8 };
        assert!(reset || matches!(*fault.evidence, Evidence::Lost { .. }), "{after:?} {fault:?}");
        assert_eq!(reset, matches!(after, After::RstAndEof(_)), "{after:?}");
    }
}
