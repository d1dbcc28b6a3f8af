//! Snapshot feed — sends the whole store to one replica. Does I/O: a socket, two threads.
//!
//! ```text
//! records ── next ──▶ the caller's thread ── head, records, end ──▶ socket
//!                     a second thread     ◀── bytes received ────── socket ──▶ report
//! ```
//!
//! One group of records is in memory at a time. If the replica does not read, the writing thread blocks, and so reads no more of the
//! store. The replica stays connected as long as it reports.

use super::feed::{FeedError, GROUP_BYTES};
use super::session::{End, EndOnDrop, Session, Stop, Timing};
use super::snapshot::{
    Head, Record, Totals, decode_received, encode_end, encode_head, encode_records, status,
};
use super::wire::Incoming;
use crate::compression::CompressionMethod;
use crate::compression::stream::Encoder;
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Bytes of one read of reports.
const REPORTS_BYTES: usize = 4 << 10;

/// A replica whose request was accepted, but not answered yet.
#[derive(Debug)]
pub struct Asked {
    /// Its connection, in blocking or non-blocking mode.
    pub socket: TcpStream,
    /// The bytes that were read from it after the command.
    pub already_read: Vec<u8>,
    /// The codec that compresses everything after the answer.
    pub codec: CompressionMethod,
}

/// Answers a replica and sends it the state that `head` names. `next` gives the next records in the order of their raw keys, about
/// as many bytes as it is asked for; none at the end. `report` is called with the bytes that the replica has received. Returns
/// once the replica has received everything. Errors: [`FeedError`]; the replica may ask again.
///
/// After `stop` is set it returns within about [`super::session::POLL`], with `End::Stopped`.
pub fn send(
    asked: Asked,
    head: &Head,
    next: &mut (dyn FnMut(usize) -> Result<Vec<Record>, FeedError> + Send),
    report: &(dyn Fn(u64) + Sync),
    timing: &Timing,
    stop: &Stop,
) -> Result<Totals, FeedError> {
    let Asked { socket, already_read, codec } = asked;
    let session = Session::new(socket, stop)?;
    let (received, totals, cause) = (AtomicU64::new(0), Mutex::new(None), Mutex::new(None));
    let run = |part: &mut dyn FnMut() -> Result<(), FeedError>| {
        let _end = EndOnDrop(&session);
        if let Err(error) = part() {
            cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        }
    };
    let mut incoming = Incoming::new(already_read);
    thread::scope(|scope| {
        scope.spawn(|| {
            run(&mut || {
                let mut buffer = vec![0; REPORTS_BYTES];
                loop {
                    while let Some(bytes) = incoming.next(decode_received)? {
                        received.store(bytes, Ordering::Relaxed);
                        report(bytes);
                    }
                    let length = session.read(&mut buffer, timing.silence)?;
                    incoming.push(&buffer[..length]);
                }
            });
        });
        run(&mut || {
            let sent = write(&session, head, codec, next)?;
            *totals.lock().unwrap_or_else(PoisonError::into_inner) = Some(sent);
            // The replica makes everything durable, and then closes the connection.
            while !session.wait(timing.idle) && !stop.is_set() {}
            Ok(())
        });
    });
    let cause = cause.into_inner().unwrap_or_else(PoisonError::into_inner).unwrap_or(End::Stopped.into());
    match totals.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(totals) if totals.bytes == received.into_inner() && is_closed(&cause) => Ok(totals),
        _ => Err(cause),
    }
}

/// Whether the replica has closed the connection.
fn is_closed(cause: &FeedError) -> bool {
    matches!(cause, FeedError::End(End::Closed | End::Io(_)))
}

fn write(
    session: &Session<'_>,
    head: &Head,
    codec: CompressionMethod,
    next: &mut dyn FnMut(usize) -> Result<Vec<Record>, FeedError>,
) -> Result<Totals, FeedError> {
    session.write(format!("+{}\r\n", status(codec)).as_bytes())?;
    let mut encoder = Encoder::new(codec).map_err(FeedError::Compress)?;
    let mut send = |bytes: Vec<u8>| -> Result<(), FeedError> {
        session.write(&encoder.encode(bytes).map_err(FeedError::Compress)?)?;
        Ok(())
    };
    let (mut totals, mut bytes) = (Totals::default(), Vec::new());
    encode_head(head, &mut bytes);
    send(bytes)?;
    loop {
        let records = next(GROUP_BYTES)?;
        if records.is_empty() {
            break;
        }
        totals.add(&records);
        let mut bytes = Vec::new();
        encode_records(&records, &mut bytes);
        send(bytes)?;
    }
    let mut bytes = Vec::new();
    encode_end(totals, &mut bytes);
    send(bytes)?;
    Ok(totals)
}
