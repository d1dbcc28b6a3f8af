//! Copies — a node's side of full syncs, with a thread for each replica. Does I/O: threads, through
//! `replication::snapshot_feed`.
//!
//! ```text
//! snapshot of the state after entry 900 ─▶ records …      writes go on: 901, 902, …
//! the log is kept from 901 on, until the replica is connected again, or for a minute after its copy was complete
//! ```
//!
//! The snapshot shows the state after one entry, whatever is written meanwhile.

use super::SharedFiles;
use super::feeds::{Fed, NotFed, note_needed};
use super::upstream::{Outlet, Upstream};
use crate::apply;
use crate::binlog::{Epoch, Lsn};
use crate::publication::Sight;
use crate::replication::Ack;
use crate::replication::feed::{FeedError, Progress};
use crate::replication::handshake::Refusal;
use crate::replication::session::Timing;
use crate::replication::snapshot::{Head, Record, Request};
use crate::replication::snapshot_feed::{Asked, send};
use crate::server::Seat;
use crate::server::facts::FollowerState;
use crate::store::rocksdb::Snapshot;
use crate::store::{Read, StoreError, key};
use crate::sync::Arc;
use crate::sync::atomic::Ordering;
use std::net::TcpStream;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

/// How long the log is kept for a replica that has a complete copy and is not connected again.
const KEPT: Duration = Duration::from_secs(60);

/// Checks a replica's request. Errors: the reason for which it gets no copy.
pub(super) fn accept<F: SharedFiles>(shared: &dyn Upstream<F>, argv: &[Vec<u8>]) -> Result<Request, NotFed> {
    let request = Request::parse(argv)?;
    let ours = shared.outlet().expiry.name();
    if request.expiry != ours {
        return Err(Refusal::Expiry { theirs: request.expiry, ours: ours.to_owned() }.into());
    }
    Ok(request)
}

/// Sends a copy of the store on a new thread. `connection`: the socket, and the bytes that were read from it after the request.
/// `seat` is dropped when the socket is closed.
pub(super) fn start<F: SharedFiles>(
    shared: Arc<dyn Upstream<F>>,
    request: Request,
    (socket, already_read): (TcpStream, Vec<u8>),
    seat: Seat,
) {
    let copying = Arc::clone(&shared);
    shared.outlet().feeds.start(move || {
        copy(&*copying, &request, socket, already_read);
        drop(seat);
    });
}

fn copy<F: SharedFiles>(
    shared: &dyn Upstream<F>,
    request: &Request,
    socket: TcpStream,
    already_read: Vec<u8>,
) {
    let feeds = shared.outlet().feeds;
    let outcomes = &feeds.syncs.full;
    outcomes.begun.fetch_add(1, Ordering::Relaxed);
    let addr = socket.peer_addr().ok();
    // From here on the log is kept. The snapshot is taken afterwards, so nothing that follows it is purged.
    let at = shared.outlet().tail.get().last;
    let ack = Ack { received: at, ..Ack::default() };
    let id = feeds.add(Fed {
        addr,
        port: request.port,
        compression: request.codec,
        state: FollowerState::SendSnapshot,
        progress: Progress { sent: at, ack, lag: Default::default() },
        heard: Instant::now(),
        until: None,
    });
    note_needed(shared);
    let asked = Asked { socket, already_read, codec: request.codec };
    let stop = feeds.stopping();
    let begun = shared.copied().map_err(FeedError::Store);
    let sent = begun.and_then(|sight| {
        let head = head(shared, &sight)?;
        tracing::info!(?addr, last = %head.last, bytes = head.bytes, "full sync begins");
        let mut from = vec![key::DATA];
        let mut next = |bytes_max| records(&sight.snapshot, &mut from, bytes_max);
        send(asked, &head, &mut next, &|_| {}, &Timing::default(), stop)
    });
    match sent {
        Ok(totals) => {
            tracing::info!(?addr, records = totals.records, bytes = totals.bytes, "full sync is complete");
            outcomes.complete.fetch_add(1, Ordering::Relaxed);
            feeds.change(id, |fed| fed.until = Some(Instant::now() + KEPT));
        }
        Err(error) => {
            tracing::warn!(?addr, %error, "full sync failed");
            outcomes.failed.fetch_add(1, Ordering::Relaxed);
            feeds.remove(id);
        }
    }
    note_needed(shared);
}

/// The head for the state that a reader sees. Errors: the log or the store cannot be read.
fn head<F: SharedFiles>(shared: &dyn Upstream<F>, sight: &Sight<Snapshot>) -> Result<Head, FeedError> {
    let Outlet { log, store, .. } = shared.outlet();
    let epochs = log.state().epochs;
    let of_last = epochs.into_iter().rfind(|&(_, first)| first <= sight.lsn);
    let bytes = store.file_bytes().and_then(|files| Ok(files + store.unflushed_bytes()?));
    Ok(Head {
        last: sight.lsn,
        epoch: of_last.unwrap_or((Epoch(0), Lsn::NONE)),
        running: log.around(sight.lsn)?.running,
        time: sight.clock,
        offset_ms: sight.offset_ms,
        removed: apply::removed(&*sight.snapshot).map_err(unreadable)?,
        bytes: bytes.map_err(unreadable)?,
    })
}

/// The next records from `from` on, about `bytes_max` bytes of them; `from` is then the place after them.
fn records(store: &Snapshot, from: &mut Vec<u8>, bytes_max: usize) -> Result<Vec<Record>, FeedError> {
    let (mut records, mut bytes) = (Vec::new(), 0);
    let end = [key::DATA + 1];
    store
        .scan(from, &end, &mut |raw, value| {
            records.push((raw.to_vec(), value.to_vec()));
            bytes += raw.len() + value.len();
            if bytes < bytes_max { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .map_err(unreadable)?;
    if let Some((last, _)) = records.last() {
        // The next raw key in the order of bytes.
        *from = [last.as_slice(), &[0]].concat();
    }
    Ok(records)
}

fn unreadable(error: StoreError) -> FeedError {
    FeedError::Store(error.to_string())
}
