//! One call by the public API.
use crate::{
    Driver,
    answer::Answer,
    messages::{Protobuf, Refuses, Reply},
    request::{Call as Line, Kind, Misuse, Reading, Step},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use causewire::{
    Call, CallOptions, CallRetry, Canceller, Channel, Metadata, Request, RpcError,
    options::{compression_from_name, timeout_from_ms},
};
use serde_json::Value;
use std::{pin::pin, time::Duration};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

pub(crate) async fn run(driver: &Driver, line: Line) {
    let started = Instant::now();
    let messages = match decode(&line) {
        Ok(messages) => messages,
        Err(misuse) => return driver.out.misuse(&misuse),
    };
    let cancelled = driver.running.add(&line.id);
    let mut answer = Answer {
        id: line.id.clone(),
        headers: None,
        messages: Vec::new(),
        trailers: Metadata::default(),
        error: None,
        dropped: false,
        unsent: 0,
        send_error: None,
        attempts: 0,
        peer: None,
        elapsed: Duration::ZERO,
        render: line.render,
    };
    if let Err(error) = make(driver, &line, messages, cancelled, &mut answer).await {
        failed(&mut answer, error);
    }
    driver.running.remove(&line.id);
    answer.elapsed = started.elapsed();
    driver.out.line(answer.line());
}

/// An error that is the call's, or the one that every call on a channel shares.
enum Ended {
    Own(RpcError),
    Shared(std::sync::Arc<RpcError>),
}

impl From<RpcError> for Ended {
    fn from(error: RpcError) -> Self {
        Ended::Own(error)
    }
}

fn failed(answer: &mut Answer, ended: Ended) {
    let error = match ended {
        Ended::Own(error) => error,
        Ended::Shared(error) => RpcError::from(error.failure().clone()),
    };
    if let Some(headers) = error.headers() {
        answer.headers = Some(headers.clone());
    }
    answer.trailers = error.trailers().clone();
    answer.attempts = error.attempts();
    answer.peer = error.peer().map(str::to_owned).or(answer.peer.take());
    answer.error = Some(error);
}

async fn make(
    driver: &Driver,
    line: &Line,
    messages: Vec<Bytes>,
    cancelled: oneshot::Receiver<()>,
    answer: &mut Answer,
) -> Result<(), Ended> {
    let entry = driver.channels.of_call(line);
    let channel = entry.channel.map_err(Ended::Shared)?;
    match entry.hooks.deserialize {
        Reading::Bytes => call::<()>(&channel, line, messages, cancelled, answer).await,
        Reading::Protobuf => call::<Protobuf>(&channel, line, messages, cancelled, answer).await,
        Reading::Throw => call::<Refuses>(&channel, line, messages, cancelled, answer).await,
    }
}

async fn call<R: Reply>(
    channel: &Channel,
    line: &Line,
    messages: Vec<Bytes>,
    cancelled: oneshot::Receiver<()>,
    answer: &mut Answer,
) -> Result<(), Ended> {
    let (metadata, options) = (metadata(line)?, options(line)?);
    let plain = line.cancel_after_ms.is_none() && line.steps.is_none() && line.delay_ms.is_none();
    if matches!(line.kind, Kind::Unary) && plain && messages.len() == 1 {
        return unary::<R>(channel, line, messages, metadata, options, cancelled, answer).await;
    }
    stream::<R>(channel, line, messages, metadata, options, cancelled, answer).await
}

async fn unary<R: Reply>(
    channel: &Channel,
    line: &Line,
    messages: Vec<Bytes>,
    metadata: Metadata,
    options: CallOptions,
    cancelled: oneshot::Receiver<()>,
    answer: &mut Answer,
) -> Result<(), Ended> {
    let message = messages.into_iter().next().unwrap_or_default();
    let canceller = Canceller::new();
    let request = Request { message, metadata, options, canceller: Some(canceller.clone()) };
    let mut call = pin!(R::unary(channel, &line.method, request));
    let response = tokio::select! {
        response = &mut call => response?,
        Ok(()) = cancelled => {
            canceller.cancel();
            call.await?
        }
    };
    answer.headers = Some(response.headers);
    answer.trailers = response.trailers;
    answer.attempts = response.attempts;
    answer.peer = response.peer.map(|p| p.to_string());
    answer.messages.push(response.message);
    Ok(())
}

async fn stream<R: Reply>(
    channel: &Channel,
    line: &Line,
    messages: Vec<Bytes>,
    metadata: Metadata,
    options: CallOptions,
    cancelled: oneshot::Receiver<()>,
    answer: &mut Answer,
) -> Result<(), Ended> {
    let one_request = matches!(line.kind, Kind::Unary | Kind::ServerStreaming);
    let mut messages = messages.into_iter().peekable();
    let (first, steps) = match &line.steps {
        Some(steps) if one_request => first_request(steps),
        steps => (messages.next_if(|_| one_request), steps.as_deref()),
    };
    let message = one_request.then(|| first.unwrap_or_default());
    if one_request && let Some(delay) = line.delay_ms {
        sleep(Duration::from_millis(delay)).await;
    }
    let mut call: Call<(), R> =
        channel.start(&line.method, line.kind.into(), Request { message, metadata, options, canceller: None })?;
    let canceller = call.sender();
    let after = line.cancel_after_ms.map(Duration::from_millis);
    let cancel = async move {
        match after {
            Some(after) => tokio::select! { () = sleep(after) => {}, _ = cancelled => {} },
            None => {
                if cancelled.await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        }
        canceller.cancel();
        std::future::pending::<()>().await
    };
    let work = async {
        match steps {
            Some(steps) => steps_of(call, steps, answer).await,
            None if matches!(line.kind, Kind::Bidi) => both(call, line, messages.collect(), answer).await,
            None => {
                send_all(&mut call, line, messages.collect(), answer).await;
                receive_all(&mut call, answer).await?;
                finish(&mut call, answer).await;
                Ok(())
            }
        }
    };
    tokio::select! {
        end = work => Ok(end?),
        () = cancel => Ok(()),
    }
}

/// A kind with one request takes it from the first step, and half-closes by itself.
fn first_request(steps: &[Step]) -> (Option<Bytes>, Option<&[Step]>) {
    match steps {
        [Step::Send(message), Step::Close(_), rest @ ..] | [Step::Send(message), rest @ ..] => {
            (STANDARD.decode(message).ok().map(Bytes::from), Some(rest))
        }
        steps => (None, Some(steps)),
    }
}

async fn send_all<R: Reply>(call: &mut Call<(), R>, line: &Line, messages: Vec<Bytes>, answer: &mut Answer) {
    for message in messages {
        if let Some(delay) = line.delay_ms {
            sleep(Duration::from_millis(delay)).await;
        }
        let sent = call.send_bytes(message).await;
        answer.unsent += usize::from(!answer.accepted(sent));
    }
    call.close_send();
}

/// Sends and receives at the same time.
async fn both<R: Reply>(
    mut call: Call<(), R>,
    line: &Line,
    messages: Vec<Bytes>,
    answer: &mut Answer,
) -> Result<(), RpcError> {
    let writer = call.sender();
    let send = async {
        let mut results = Vec::new();
        for message in messages {
            if let Some(delay) = line.delay_ms {
                sleep(Duration::from_millis(delay)).await;
            }
            results.push(writer.send(message).await);
        }
        writer.close();
        results
    };
    let (results, received) = tokio::join!(send, receive_all(&mut call, answer));
    for sent in results {
        answer.unsent += usize::from(!answer.accepted(sent));
    }
    received?;
    finish(&mut call, answer).await;
    Ok(())
}

async fn receive_all<R: Reply>(call: &mut Call<(), R>, answer: &mut Answer) -> Result<(), RpcError> {
    while let Some(message) = R::next(call).await? {
        answer.messages.push(message);
    }
    Ok(())
}

async fn finish<R: Reply>(call: &mut Call<(), R>, answer: &mut Answer) {
    answer.headers = call.headers().await;
    answer.trailers = call.trailers().unwrap_or_default();
    answer.peer = call.peer().map(|p| p.to_string());
    answer.attempts = call.attempts();
}

async fn steps_of<R: Reply>(mut call: Call<(), R>, steps: &[Step], answer: &mut Answer) -> Result<(), RpcError> {
    answer.unsent = steps.iter().filter(|step| matches!(step, Step::Send(_) | Step::SendUncompressed(_))).count();
    for step in steps {
        match step {
            Step::Send(message) => {
                let sent = call.send_bytes(decoded(message)).await;
                if !answer.accepted(sent) {
                    break;
                }
                answer.unsent -= 1;
            }
            Step::SendUncompressed(message) => {
                let sent = call.send_bytes_uncompressed(decoded(message)).await;
                if !answer.accepted(sent) {
                    break;
                }
                answer.unsent -= 1;
            }
            Step::Recv(Value::Number(count)) => {
                for _ in 0..count.as_u64().unwrap_or(0) {
                    match R::next(&mut call).await? {
                        Some(message) => answer.messages.push(message),
                        None => break,
                    }
                }
            }
            Step::Recv(_) => receive_all(&mut call, answer).await?,
            Step::Headers(_) => answer.headers = call.headers().await,
            Step::SleepMs(ms) => sleep(Duration::from_millis(*ms)).await,
            Step::Close(_) => call.close_send(),
            Step::Cancel(_) => call.cancel(),
            Step::Drop(_) => {
                answer.dropped = true;
                return Ok(());
            }
        }
    }
    call.close_send();
    receive_all(&mut call, answer).await?;
    finish(&mut call, answer).await;
    Ok(())
}

fn decoded(message: &str) -> Bytes {
    STANDARD.decode(message).unwrap_or_default().into()
}

fn decode(line: &Line) -> Result<Vec<Bytes>, Misuse> {
    let one = |m: &String| STANDARD.decode(m).map(Bytes::from);
    line.messages.iter().map(one).collect::<Result<_, _>>().map_err(|e| Misuse::new(line.id.clone(), "messages", e))
}

fn metadata(line: &Line) -> Result<Metadata, RpcError> {
    let mut metadata = Metadata::default();
    for (key, value) in &line.metadata {
        let bytes = match key.ends_with("-bin") {
            true => STANDARD.decode(value).unwrap_or_default(),
            false => value.clone().into_bytes(),
        };
        metadata.append(key, &bytes).map_err(RpcError::from)?;
    }
    Ok(metadata)
}

fn options(line: &Line) -> Result<CallOptions, RpcError> {
    let compression = match line.compression.as_deref() {
        None => None,
        Some(name) => Some(compression_from_name(name)?),
    };
    Ok(CallOptions {
        timeout: line.deadline_ms.map_or(Ok(None), timeout_from_ms)?,
        wait_for_ready: line.wait_for_ready,
        compression,
        authority: line.authority.clone(),
        idempotent: line.idempotent,
        retry: line.retry.as_ref().map_or(Ok(CallRetry::Inherit), |retry| CallRetry::from_json(&retry.to_string()))?,
    })
}
