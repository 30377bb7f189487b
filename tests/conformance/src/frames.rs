//! Messages with their length, four bytes big-endian, before them.
use crate::Result;
use prost::Message;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// More than any case of the suite has; its runner refuses larger ones too.
const LARGEST: u32 = 16 << 20;

/// The next message; `None` where the input ends between two.
pub(crate) async fn read<M: Message + Default>(input: &mut (impl AsyncRead + Unpin)) -> Result<Option<M>> {
    let mut length = [0; 4];
    if input.read(&mut length[..1]).await? == 0 {
        return Ok(None);
    }
    input.read_exact(&mut length[1..]).await?;
    let length = u32::from_be_bytes(length);
    if length > LARGEST {
        return Err(format!("a message of {length} bytes").into());
    }
    let mut message = vec![0; length as usize];
    input.read_exact(&mut message).await?;
    Ok(Some(M::decode(&message[..])?))
}

pub(crate) async fn write(output: &mut (impl AsyncWrite + Unpin), message: &impl Message) -> Result<()> {
    let length = u32::try_from(message.encoded_len())?;
    let mut frame = length.to_be_bytes().to_vec();
    message.encode(&mut frame)?;
    output.write_all(&frame).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::ClientErrorResult;

    fn sample(text: &str) -> ClientErrorResult {
        ClientErrorResult { message: text.to_owned() }
    }

    #[tokio::test]
    async fn what_was_written_is_read() {
        let mut bytes = Vec::new();
        for text in ["one", "", "three"] {
            write(&mut bytes, &sample(text)).await.unwrap();
        }
        assert_eq!(bytes[..9], [0, 0, 0, 5, 10, 3, b'o', b'n', b'e']);
        let mut input = &bytes[..];
        for text in ["one", "", "three"] {
            assert_eq!(read(&mut input).await.unwrap(), Some(sample(text)));
        }
        assert_eq!(read::<ClientErrorResult>(&mut input).await.unwrap(), None);
    }

    #[tokio::test]
    async fn an_input_that_ends_within_a_message_is_a_fault() {
        for bytes in [&[0, 0][..], &[0, 0, 0, 5, 10], &[255, 255, 255, 255]] {
            assert!(read::<ClientErrorResult>(&mut &bytes[..]).await.is_err(), "{bytes:?}");
        }
    }
}
