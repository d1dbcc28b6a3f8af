//! Full sync — a replica's side: it asks its master for the whole store, and passes everything on as it arrives. Does I/O: a socket,
//! two threads.
//!
//! The replica keeps and serves what it has until everything has arrived. A connection that is lost begins again from the start.

use super::link::{Link, LinkError};
use super::{OwnedFrame, command_bytes, connect};
use crate::compression::{CompressionMethod, stream};
use crate::replication::partial::Partial;
use crate::replication::session::{Asked, End, EndOnDrop, Session, Stop};
use crate::replication::snapshot::{
    Arrival, Head, Message, Record, Request, Totals, decode, encode_received, parse_status,
};
use crate::replication::wire::Incoming;
use crate::secret::Secret;
use std::io::{self, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// Bytes of one read.
const READ_BYTES: usize = 256 << 10;

/// The place where a full sync is put. Errors of all methods are texts; the sync is then tried again after a pause.
pub trait Destination {
    /// Begins with the state that `head` names.
    fn begin(&mut self, head: &Head) -> Result<(), String>;

    /// Takes the next records.
    fn records(&mut self, records: Vec<Record>) -> Result<(), String>;

    /// Everything has arrived: makes it durable.
    fn finish(&mut self) -> Result<(), String>;
}

impl Link {
    /// Asks the master for its whole store, after it was sent the `password`, and passes it to `to`. `report` is called with what has arrived and the bytes that are
    /// expected in all. Errors: [`LinkError`].
    pub(super) fn copy(
        &self,
        request: &Request,
        password: Option<&Secret>,
        to: &mut dyn Destination,
        report: &(dyn Fn(Totals, u64) + Sync),
        stop: &Stop,
    ) -> Result<(), LinkError> {
        let session = Session::new(connect(&self.address, self.timing.connect)?, stop).map_err(End::Io)?;
        self.authenticate(&session, password)?;
        session.write(&command_bytes(&request.argv())?)?;
        let (reply, rest) = self.reply(&session)?;
        let codec = match &reply {
            Some(OwnedFrame::SimpleString(status)) => parse_status(status),
            _ => None,
        };
        let Some(codec) = codec.filter(|codec| [CompressionMethod::None, request.codec].contains(codec))
        else {
            return Err(super::link::unexpected(reply, &rest));
        };
        let (received, is_done, cause) = (AtomicU64::new(0), AtomicBool::new(false), Mutex::new(None));
        // Both threads report, one at a time.
        let writing = Mutex::new(());
        let told = || {
            let _one = writing.lock().unwrap_or_else(PoisonError::into_inner);
            let mut bytes = Vec::new();
            encode_received(received.load(Ordering::Relaxed), &mut bytes);
            session.write(&bytes)
        };
        let run = |part: &mut dyn FnMut() -> Result<(), LinkError>| {
            let _end = EndOnDrop(&session);
            if let Err(error) = part() {
                cause.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
            }
        };
        let asked = Asked::default();
        let from = io::Cursor::new(rest).chain(session.reader(self.timing.silence, &asked));
        let mut from = stream::decoder(codec, from).map_err(LinkError::Stream)?;
        thread::scope(|scope| {
            scope.spawn(|| {
                run(&mut || loop {
                    // So the master can distinguish a slow replica from a lost one.
                    told()?;
                    if session.wait(self.timing.idle) {
                        return Ok(());
                    }
                });
            });
            run(&mut || {
                self.records((&mut *from, &asked), to, &|totals, expected| {
                    received.store(totals.bytes, Ordering::Relaxed);
                    report(totals, expected);
                })?;
                // The master keeps what the replica needs next only if it knows that everything has arrived.
                told()?;
                is_done.store(true, Ordering::Relaxed);
                Ok(())
            });
        });
        let cause = cause.into_inner().unwrap_or_else(PoisonError::into_inner);
        if is_done.into_inner() { Ok(()) } else { Err(cause.unwrap_or(End::Stopped.into())) }
    }

    /// Passes each message on, through the last one.
    fn records(
        &self,
        (from, asked): (&mut dyn Read, &Asked),
        to: &mut dyn Destination,
        report: &dyn Fn(Totals, u64),
    ) -> Result<(), LinkError> {
        let (mut incoming, mut arrival, mut buffer) =
            (Incoming::default(), Arrival::default(), vec![0; READ_BYTES]);
        let mut partial = Partial::default();
        while !arrival.is_complete() {
            let (since, mut is_next) = (Instant::now(), false);
            asked.set();
            match from.read(&mut buffer) {
                Ok(0) => return Err(LinkError::Stream(io::ErrorKind::UnexpectedEof.into())),
                Ok(length) => incoming.push(&buffer[..length]),
                Err(error) => {
                    return Err(End::from_read(error).map_or_else(LinkError::Stream, LinkError::End));
                }
            }
            let waited = since.elapsed();
            while let Some(message) = incoming.next(decode)? {
                arrival.take(&message)?;
                is_next = true;
                match message {
                    Message::Head(head) => to.begin(&head),
                    Message::Records(records) => to.records(records),
                    Message::End(_) => to.finish(),
                }
                .map_err(LinkError::FullSync)?;
                report(arrival.totals(), arrival.head().map_or(0, |head| head.bytes));
            }
            let rest = incoming.rest().len();
            partial.read(waited, (is_next, rest), self.timing.silence).map_err(End::from)?;
        }
        Ok(())
    }
}
