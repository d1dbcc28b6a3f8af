//! Waiting — the waits of a connection: for its socket, for room, for replicas, for the end of a pause. Does I/O.

use super::Backend;
use super::clients::Client;
use super::connection::{Connection, End};
use super::pause::until;
use super::request::Requests;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::tcp::ReadHalf;
use tokio::time::Instant;

/// Bytes of requests that are held while a client waits for something else. More are received afterwards.
const HELD_BYTES_MAX: usize = 64 << 10;
/// Bytes of one read.
const READ_BYTES: usize = 16 * 1024;
/// While this many bytes wait for the client, nothing is read from it. The bound is generous: a client that sends a long
/// pipeline before it reads any reply would otherwise deadlock, with both sides waiting for the other to read.
const OUTPUT_PAUSE_BYTES: usize = 32 << 20;
/// Bytes of replies that are collected within a run before they are sent: a system call for each piece of small replies
/// would cost more than the replies.
const OUTPUT_SENT_BYTES_MIN: usize = 64 * 1024;

impl<N: Backend> Connection<N> {
    /// Waits for the socket, and then reads or writes as much as possible. It reads only if `reads` is set, which means
    /// that no request is left to run.
    pub(super) async fn wait(&mut self, reads: bool) -> Result<(), End> {
        let waiting = self.output.waiting();
        let (pending, reads) = (waiting > 0, reads && waiting < OUTPUT_PAUSE_BYTES);
        let timeout_s = self.config.timeout_s;
        let idle_at = (timeout_s > 0).then(|| self.active + Duration::from_secs(timeout_s));
        let soft_at = self.output.soft_end(self.config.output);
        let (mut reader, writer) = self.socket.split();
        let count = tokio::select! {
            biased;
            () = self.client.killed.notified() => return Err(killed(&self.client)),
            _ = self.ended.wait_for(Option::is_some) => return Err(End::Server),
            () = until(soft_at) => return Err(End::Output(waiting)),
            () = until(idle_at) => return Err(End::Idle),
            writable = writer.writable(), if pending => { writable?; None }
            count = read(&mut reader, &mut self.requests), if reads => Some(count?),
        };
        self.moved(count).await
    }

    /// Notes the bytes that were read; `None`: sends replies, because the socket is writable. Errors: the client closed it.
    async fn moved(&mut self, count: Option<usize>) -> Result<(), End> {
        match count {
            Some(0) => return Err(End::Client),
            Some(count) => {
                self.active = Instant::now();
                self.shared.clients.input_bytes.fetch_add(count as u64, Relaxed);
            }
            None => {
                self.send()?;
                self.check()?;
                // The socket may be writable again at once, and other connections wait for this thread.
                tokio::task::yield_now().await;
            }
        }
        Ok(())
    }

    /// Waits until another small reply may be made: the bytes that wait for this client are within their bound, and the
    /// memory of all clients' replies is within its limit.
    pub(super) async fn make_room(&mut self) -> Result<(), End> {
        while self.output.waiting() >= OUTPUT_SENT_BYTES_MIN || self.client.room.is_full() {
            self.send()?;
            self.check()?;
            if self.output.waiting() >= OUTPUT_PAUSE_BYTES {
                self.note();
                self.config = self.shared.config();
                self.wait(false).await?;
            } else if self.client.room.is_full() {
                let client = Arc::clone(&self.client);
                self.unless_ended(client.room.freed_for_small()).await?;
            } else {
                break;
            }
        }
        Ok(())
    }

    /// Waits for `event`, which comes once the clients that hold the most are disconnected. Errors: this client is one of
    /// them, was killed, or the server ends.
    pub(super) async fn unless_ended<T>(&mut self, event: impl Future<Output = T>) -> Result<T, End> {
        tokio::select! {
            biased;
            () = self.client.killed.notified() => Err(killed(&self.client)),
            _ = self.ended.wait_for(Option::is_some) => Err(End::Server),
            came = event => Ok(came),
        }
    }

    /// Like [`Connection::unless_ended`], for an event that may be far away: meanwhile replies are sent, requests are received up to
    /// a bound, and the connection ends when the client closes it.
    pub(super) async fn unless_closed<T>(&mut self, event: impl Future<Output = T>) -> Result<T, End> {
        tokio::pin!(event);
        let shared = Arc::clone(&self.shared);
        let _blocked = shared.clients.block();
        loop {
            let (waiting, reads) = (self.output.waiting(), self.requests.held() < HELD_BYTES_MAX);
            let (mut reader, writer) = self.socket.split();
            let count = tokio::select! {
                biased;
                () = self.client.killed.notified() => return Err(killed(&self.client)),
                _ = self.ended.wait_for(Option::is_some) => return Err(End::Server),
                came = &mut event => return Ok(came),
                writable = writer.writable(), if waiting > 0 => { writable?; None }
                count = read(&mut reader, &mut self.requests), if reads => Some(count?),
            };
            self.moved(count).await?;
        }
    }
}

/// The reason for which a client was killed.
fn killed(client: &Client) -> End {
    if client.is_evicted() { End::Evicted } else { End::Killed }
}

/// Waits for bytes from the client and takes them. Returns how many, 0 at the end of the stream. The buffer is on the
/// stack, so a waiting connection has no buffer. There is one read for each wait: a second one would usually find nothing
/// and cost a useless system call for each request.
async fn read(socket: &mut ReadHalf<'_>, requests: &mut Requests) -> io::Result<usize> {
    std::future::poll_fn(|context| {
        let mut chunk = [MaybeUninit::uninit(); READ_BYTES];
        let mut chunk = ReadBuf::uninit(&mut chunk);
        ready!(Pin::new(&mut *socket).poll_read(context, &mut chunk))?;
        requests.fill(chunk.filled());
        Poll::Ready(Ok(chunk.filled().len()))
    })
    .await
}
