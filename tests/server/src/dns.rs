//! A name server that answers by script (RFC 1035).
use crate::script::Dns;
use serde_json::Value;
use std::{collections::HashMap, io, net::IpAddr};
use tokio::net::UdpSocket;

const HEADER: usize = 12;
const A: u8 = 1;
const TXT: u8 = 16;
const AAAA: u8 = 28;
const NXDOMAIN: u8 = 3;
/// The prefix of the name whose TXT records have the service config (gRFC A2).
const CONFIG: &str = "_grpc_config.";

pub(crate) async fn serve(socket: UdpSocket, script: Dns) -> io::Result<()> {
    let mut packet = [0; 1500];
    let mut asked = HashMap::<(String, u8), usize>::new();
    loop {
        let (length, client) = socket.recv_from(&mut packet).await?;
        let Some(question) = packet.get(..length).and_then(Question::read) else { continue };
        let times = asked.entry((question.name.clone(), question.kind)).or_default();
        let turn = turn(&script, *times);
        *times += 1;
        if !turn.silent {
            socket.send_to(&question.answered(&script, turn), client).await?;
        }
    }
}

/// The first answer to a query; `None` for what is not one.
pub fn answer(query: &[u8], script: &Dns) -> Option<Vec<u8>> {
    Some(Question::read(query)?.answered(script, script))
}

/// What counts when a question comes for the nth time.
fn turn(script: &Dns, times: usize) -> &Dns {
    match times.checked_sub(1) {
        None => script,
        Some(at) => script.then.get(at).or(script.then.last()).unwrap_or(script),
    }
}

struct Question<'a> {
    id: &'a [u8],
    bytes: &'a [u8],
    /// Lower case, without the dot at the end.
    name: String,
    kind: u8,
}

impl<'a> Question<'a> {
    /// `None` for what is not a query.
    fn read(query: &'a [u8]) -> Option<Question<'a>> {
        let mut labels = vec![];
        let mut end = HEADER;
        while *query.get(end)? > 0 {
            let next = end + 1 + usize::from(*query.get(end)?);
            labels.push(String::from_utf8_lossy(query.get(end + 1..next)?).to_lowercase());
            end = next;
        }
        let bytes = query.get(HEADER..end + 5)?;
        Some(Question { id: query.get(..2)?, bytes, name: labels.join("."), kind: *query.get(end + 2)? })
    }

    fn answered(&self, script: &Dns, turn: &Dns) -> Vec<u8> {
        let subject = self.name.strip_prefix(CONFIG).unwrap_or(&self.name);
        let exists = script.names.is_empty() || script.names.iter().any(|name| name == subject);
        let (code, records) = if exists { (turn.rcode, self.records(turn)) } else { (NXDOMAIN, vec![]) };
        // A response, recursion desired and available; one question, the answers, nothing else.
        let mut out = self.id.to_vec();
        out.extend([0x81, 0x80 | code, 0, 1, 0, records.len() as u8, 0, 0, 0, 0]);
        out.extend(self.bytes);
        for data in records {
            // The name is a pointer to the question's.
            out.extend([0xc0, HEADER as u8, 0, self.kind, 0, 1]);
            out.extend(turn.ttl_seconds.unwrap_or(1).to_be_bytes());
            out.extend((data.len() as u16).to_be_bytes());
            out.extend(data);
        }
        out
    }

    fn records(&self, turn: &Dns) -> Vec<Vec<u8>> {
        let addresses = turn.addresses.iter().filter_map(|address| match (address, self.kind) {
            (IpAddr::V4(ip), A) => Some(ip.octets().to_vec()),
            (IpAddr::V6(ip), AAAA) => Some(ip.octets().to_vec()),
            _ => None,
        });
        let texts = turn.txt.iter().filter(|_| self.kind == TXT && self.name.starts_with(CONFIG));
        addresses.chain(texts.map(text)).collect()
    }
}

fn text(txt: &Value) -> Vec<u8> {
    match txt {
        Value::String(text) => strings(text.as_bytes()),
        choices => strings(format!("grpc_config={choices}").as_bytes()),
    }
}

/// Each string holds 255 bytes at most.
fn strings(text: &[u8]) -> Vec<u8> {
    text.chunks(255).flat_map(|part| [&[part.len() as u8], part].concat()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn script(script: Value) -> Dns {
        serde_json::from_value(script).unwrap()
    }

    fn ask(name: &[u8], kind: u8, script: &Dns, times: usize) -> Vec<u8> {
        let query = [&[7, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0][..], name, &[0, kind, 0, 1]].concat();
        Question::read(&query).unwrap().answered(script, turn(script, times))
    }

    #[test]
    fn the_question_comes_back_with_its_answer() {
        let both =
            script(json!({"addresses": ["127.0.0.1", "::1"], "then": [{"addresses": ["127.0.0.2"]}, {"rcode": 2}]}));
        let reply = ask(b"\x01a\x00", A, &both, 0);
        assert_eq!((&reply[..4], &reply[reply.len() - 4..]), (&[7, 7, 0x81, 0x80][..], &[127, 0, 0, 1][..]));
        assert!(ask(b"\x01a\x00", AAAA, &both, 0).ends_with(&[0, 1]));
        assert!(ask(b"\x01a\x00", A, &both, 1).ends_with(&[127, 0, 0, 2]));
        for times in [2, 3, 9] {
            assert_eq!(ask(b"\x01a\x00", A, &both, times)[3] & 15, 2);
        }
        assert!(Question::read(b"short").is_none());
    }

    #[test]
    fn only_names_that_exist_have_records() {
        let one = script(json!({"names": ["a.b"], "addresses": ["127.0.0.1"], "txt": []}));
        assert_eq!(ask(b"\x01A\x01b\x00", A, &one, 0)[3] & 15, 0);
        assert_eq!(ask(b"\x01a\x00", A, &one, 0)[3] & 15, NXDOMAIN);
        let text = ask(b"\x0c_grpc_config\x01a\x01b\x00", TXT, &one, 0);
        assert!(text.ends_with(b"\x0egrpc_config=[]"));
    }
}
