//! A name server that gives every query the same answer (RFC 1035).
use crate::script::Dns;
use std::{io, net::Ipv4Addr};
use tokio::net::UdpSocket;

const HEADER: usize = 12;
const TYPE_A: [u8; 2] = [0, 1];
const TTL_SECONDS: u32 = 1;

pub(crate) async fn serve(socket: UdpSocket, script: Dns) -> io::Result<()> {
    let mut packet = [0; 1500];
    loop {
        let (length, client) = socket.recv_from(&mut packet).await?;
        let answer = packet.get(..length).and_then(|query| answer(query, &script));
        if let Some(answer) = answer.filter(|_| !script.silent) {
            socket.send_to(&answer, client).await?;
        }
    }
}

/// The answer to a query; `None` for what is not one.
pub fn answer(query: &[u8], script: &Dns) -> Option<Vec<u8>> {
    let mut end = HEADER;
    while *query.get(end)? > 0 {
        end += 1 + usize::from(*query.get(end)?);
    }
    let question = query.get(HEADER..end + 5)?;
    let of_type_a = question.get(question.len() - 4..question.len() - 2)? == TYPE_A;
    let records: &[Ipv4Addr] = if of_type_a { &script.addresses } else { &[] };
    let mut out = query.get(..2)?.to_vec();
    // A response, recursion desired and available; one question, the answers, nothing else.
    out.extend([0x81, 0x80 | script.rcode, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
    out.extend(question);
    for address in records {
        // The name is a pointer to the question's.
        out.extend([0xc0, HEADER as u8, 0, 1, 0, 1]);
        out.extend(TTL_SECONDS.to_be_bytes());
        out.extend([0, 4]);
        out.extend(address.octets());
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_question_comes_back_with_its_answer() {
        let query = [&[7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], b"\x01a\x00", &[0, 1, 0, 1]].concat();
        let script = Dns { addresses: vec![Ipv4Addr::LOCALHOST], ..Dns::default() };
        let reply = answer(&query, &script).unwrap();
        assert_eq!(&reply[..4], [7, 7, 0x81, 0x80]);
        assert_eq!(&reply[reply.len() - 4..], [127, 0, 0, 1]);
        let refused = answer(&query, &Dns { rcode: 5, ..Dns::default() }).unwrap();
        assert_eq!((refused[3] & 15, refused.len()), (5, query.len()));
        assert_eq!(answer(b"short", &script), None);
    }
}
