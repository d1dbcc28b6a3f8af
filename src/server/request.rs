//! Request — parses the bytes of a connection into argvs, as Redis does. Pure.
//!
//! ```text
//! *2\r\n$4\r\nECHO\r\n$2\r\nhi\r\n     →   ECHO · hi          the form that clients send
//! ECHO "hi"\r\n                        →   ECHO · hi          an inline command, as typed into telnet
//! *0\r\n   or an empty line            →   nothing
//! *x\r\n                               →   Protocol error: invalid multibulk length
//! ```
//!
//! Bytes may arrive in any pieces: the requests, and the error that ends them, do not depend on how the bytes are split. In
//! Redis the answer sometimes depends on it (for a line beyond 64 KB that arrives in one read); ours is then the answer
//! that Redis gives to bytes that arrive one at a time. Some oddities of Redis are kept: a byte other than `\n` may follow
//! `\r`, the last two bytes of a bulk are not checked, and a byte 00 in a line hides its end. No crate has Redis's texts
//! and limits, so this is a parser of our own.
//!
//! Source: `processInlineBuffer` and `processMultibulkBuffer` in networking.c, Redis 7.0.

use crate::command::{line, parse_integer};

/// The longest line, which is an inline command or the header of an array or a bulk.
const LINE_BYTES_MAX: usize = 64 * 1024;
/// The largest number of arguments of a request.
const ARGUMENTS_MAX: i64 = i32::MAX as i64;
/// The cost of an argument beside its bytes when a request is checked against its limit.
const ARGUMENT_COST: usize = size_of::<Vec<u8>>();
/// The most arguments for which memory is reserved before any of them has arrived.
const ARGUMENTS_EXPECTED_MAX: usize = 64;
/// A buffer larger than this is freed once it is empty.
const BUFFER_KEPT_BYTES_MAX: usize = 64 * 1024;

/// How much a client may send. Both limits are checked before memory is allocated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of one argument.
    pub bulk_bytes_max: usize,
    /// The most bytes of one request.
    pub query_bytes_max: usize,
}

/// The most arguments of a request, and the most bytes of one argument, of a client that has not sent the password.
const UNKNOWN_ARGUMENTS_MAX: usize = 10;
const UNKNOWN_BULK_BYTES_MAX: usize = 16 << 10;

impl Default for Limits {
    /// Redis's limits: 512 MB for an argument, 1 GB for a request.
    fn default() -> Limits {
        Limits { bulk_bytes_max: 512 << 20, query_bytes_max: 1 << 30 }
    }
}

/// The reason for which a connection cannot be read any further. The text is sent to the client after `ERR `.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum ProtocolError {
    /// The length of an array is not a number, or is greater than 2147483647.
    #[error("Protocol error: invalid multibulk length")]
    MultibulkLength,
    /// The length of a bulk is not a number, is negative, or exceeds the limit.
    #[error("Protocol error: invalid bulk length")]
    BulkLength,
    /// A client that has not sent the password sent an array of more than 10.
    #[error("Protocol error: unauthenticated multibulk length")]
    UnknownMultibulk,
    /// A client that has not sent the password sent a bulk of more than 16 KB.
    #[error("Protocol error: unauthenticated bulk length")]
    UnknownBulk,
    /// An argument does not begin with `$`, as a bulk does.
    #[error("Protocol error: expected '$', got '{}'", printed(*.0))]
    NoBulk(u8),
    /// An inline command is longer than 64 KB.
    #[error("Protocol error: too big inline request")]
    InlineTooBig,
    /// The header of an array is longer than 64 KB.
    #[error("Protocol error: too big mbulk count string")]
    MultibulkTooBig,
    /// The header of a bulk is longer than 64 KB.
    #[error("Protocol error: too big bulk count string")]
    BulkTooBig,
    /// An inline command has a quote that is not closed.
    #[error("Protocol error: unbalanced quotes in request")]
    UnbalancedQuotes,
    /// The request exceeds its limit. The connection is closed without a reply, as in Redis.
    #[error("query buffer limit reached")]
    QueryTooBig,
}

/// The byte as an error reply shows it. An error reply is one line, so `\r` and `\n` become a space. Bytes beyond ASCII
/// become the replacement character.
fn printed(byte: u8) -> char {
    match byte {
        b'\r' | b'\n' => ' ',
        0..=127 => char::from(byte),
        _ => char::REPLACEMENT_CHARACTER,
    }
}

/// The requests of one connection.
///
/// Cost: O(bytes), however they are split. Memory: the bytes not yet parsed, and one request within its limits.
#[derive(Clone, Debug)]
pub struct Requests {
    limits: Limits,
    /// Whether the client has not sent the password. It may then send only small requests.
    is_unknown: bool,
    buffer: Vec<u8>,
    /// Number of bytes of the buffer that are parsed.
    at: usize,
    /// Number of bytes after `at` that were already searched for the end of a line.
    searched: usize,
    partial: Option<Partial>,
}

/// An array of which some arguments have not arrived yet.
#[derive(Clone, Debug)]
struct Partial {
    missing: usize,
    argv: Vec<Vec<u8>>,
    /// The cost of the arguments so far, with the whole of the bulk that has begun, as counted against the limit.
    cost: usize,
    /// Memory of the complete arguments, in bytes.
    held: usize,
    bulk: Option<Bulk>,
}

#[derive(Clone, Debug)]
struct Bulk {
    length: usize,
    bytes: Vec<u8>,
}

impl Partial {
    fn of(missing: usize) -> Partial {
        let argv = Vec::with_capacity(missing.min(ARGUMENTS_EXPECTED_MAX));
        Partial { missing, argv, cost: 0, held: 0, bulk: None }
    }
}

/// Parses a header in the form that clients usually write: one byte, which is not checked, up to eight digits, `\r`, and
/// one more byte. Returns the number and the length of the header. `None`: the header is incomplete or in another form,
/// which the general parser handles.
fn plain_header(bytes: &[u8]) -> Option<(usize, usize)> {
    const DIGITS_MAX: usize = 8;
    let (mut number, mut at) = (0, 1);
    while let Some(digit @ b'0'..=b'9') = bytes.get(at) {
        if at > DIGITS_MAX || (at == 2 && number == 0) {
            return None;
        }
        number = number * 10 + usize::from(digit - b'0');
        at += 1;
    }
    (at > 1 && bytes.get(at) == Some(&b'\r') && bytes.len() > at + 1).then_some((number, at + 2))
}

impl Requests {
    /// The state of a connection that has sent nothing.
    pub fn new(limits: Limits) -> Requests {
        Requests { limits, is_unknown: false, buffer: Vec::new(), at: 0, searched: 0, partial: None }
    }

    /// Sets the limits for the following requests.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Sets for the following requests whether the client still has to send the password.
    pub fn set_unknown(&mut self, is_unknown: bool) {
        self.is_unknown = is_unknown;
    }

    /// Adds bytes that the client sent. Call [`Requests::next_request`] until it returns `None` before calling this again,
    /// so that the buffer stays small.
    pub fn fill(&mut self, bytes: &[u8]) {
        if self.at == self.buffer.len() {
            self.buffer.clear();
            self.at = 0;
            if self.buffer.capacity() > BUFFER_KEPT_BYTES_MAX {
                self.buffer = Vec::new();
            }
        } else if self.at >= self.buffer.len() / 2 {
            // It moves at most as many bytes as were parsed since the last move.
            self.buffer.drain(..self.at);
            self.at = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Bytes of memory held: the buffer, and the arguments of an incomplete request.
    pub fn held(&self) -> usize {
        let partial = self.partial.as_ref().map_or(0, |partial| {
            let bulk = partial.bulk.as_ref().map_or(0, |bulk| bulk.bytes.capacity());
            partial.argv.capacity() * ARGUMENT_COST + partial.held + bulk
        });
        self.buffer.capacity() + partial
    }

    /// The bytes after the last request. Call it only between requests: the arguments of an incomplete request are not
    /// among these bytes.
    pub fn into_rest(mut self) -> Vec<u8> {
        self.buffer.split_off(self.at)
    }

    /// The next request: an argv with at least one argument; `None` if it has not arrived completely. After an error every
    /// further call returns the same error: the connection has to be closed.
    pub fn next_request(&mut self) -> Result<Option<Vec<Vec<u8>>>, ProtocolError> {
        loop {
            if self.partial.is_some() {
                return self.next_of_array();
            }
            let taken = match self.buffer.get(self.at) {
                None => return Ok(None),
                Some(b'*') => self.begin_array()?,
                Some(_) => match self.inline()? {
                    Some(argv) if argv.is_empty() => true,
                    argv => return Ok(argv),
                },
            };
            if !taken {
                return Ok(None);
            }
        }
    }

    /// Parses an inline command; `None` if its line is incomplete.
    fn inline(&mut self) -> Result<Option<Vec<Vec<u8>>>, ProtocolError> {
        let Some(end) = self.line_end(b'\n', ProtocolError::InlineTooBig)? else { return Ok(None) };
        let line = &self.buffer[self.at..self.at + end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let argv = line::split(line).map_err(|_| ProtocolError::UnbalancedQuotes)?;
        self.take(end + 1);
        Ok(Some(argv))
    }

    /// Parses the header of an array. Returns whether it was complete.
    fn begin_array(&mut self) -> Result<bool, ProtocolError> {
        if let Some((missing, bytes)) = plain_header(&self.buffer[self.at..])
            && missing > 0
            && !(self.is_unknown && missing > UNKNOWN_ARGUMENTS_MAX)
        {
            self.take(bytes);
            self.partial = Some(Partial::of(missing));
            return Ok(true);
        }
        let Some(end) = self.line_end(b'\r', ProtocolError::MultibulkTooBig)? else { return Ok(false) };
        if self.buffer.len() - self.at < end + 2 {
            return Ok(false);
        }
        let length = parse_integer(&self.buffer[self.at + 1..self.at + end])
            .filter(|&length| length <= ARGUMENTS_MAX)
            .ok_or(ProtocolError::MultibulkLength)?;
        if self.is_unknown && usize::try_from(length).is_ok_and(|length| length > UNKNOWN_ARGUMENTS_MAX) {
            return Err(ProtocolError::UnknownMultibulk);
        }
        self.take(end + 2);
        // A negative length means no array, as zero does.
        if let Some(missing) = usize::try_from(length).ok().filter(|&missing| missing > 0) {
            self.partial = Some(Partial::of(missing));
        }
        Ok(true)
    }

    /// Parses the arguments of the array that has begun; `None` if not all have arrived.
    fn next_of_array(&mut self) -> Result<Option<Vec<Vec<u8>>>, ProtocolError> {
        loop {
            match &mut self.partial {
                Some(partial) if partial.missing == 0 => {
                    return Ok(self.partial.take().map(|partial| partial.argv));
                }
                Some(Partial { bulk: Some(_), .. }) => {
                    if !self.fill_bulk() {
                        return Ok(None);
                    }
                }
                _ => {
                    if !self.whole_bulk() && !self.begin_bulk()? {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// Parses a whole bulk in one step, if it has arrived completely, its header has the usual form, and it is within the
    /// limits. Any other bulk is parsed part by part, by the code that reports the errors.
    fn whole_bulk(&mut self) -> bool {
        let Some(partial) = &mut self.partial else { return false };
        let pending = &self.buffer[self.at..];
        let Some((length, header)) = plain_header(pending).filter(|_| pending[0] == b'$') else {
            return false;
        };
        let cost = partial.cost.saturating_add(length).saturating_add(ARGUMENT_COST);
        let is_within = !self.is_unknown || length <= UNKNOWN_BULK_BYTES_MAX;
        if !is_within || length > self.limits.bulk_bytes_max || cost > self.limits.query_bytes_max {
            return false;
        }
        let end = header + length;
        if pending.len() < end + 2 {
            return false;
        }
        partial.argv.push(pending[header..end].to_vec());
        partial.cost = cost;
        partial.held += length;
        partial.missing -= 1;
        self.take(end + 2);
        true
    }

    /// Parses the header of a bulk. Returns whether it was complete.
    fn begin_bulk(&mut self) -> Result<bool, ProtocolError> {
        let Some(end) = self.line_end(b'\r', ProtocolError::BulkTooBig)? else { return Ok(false) };
        if self.buffer.len() - self.at < end + 2 {
            return Ok(false);
        }
        if self.buffer[self.at] != b'$' {
            return Err(ProtocolError::NoBulk(self.buffer[self.at]));
        }
        let length = parse_integer(&self.buffer[self.at + 1..self.at + end])
            .and_then(|length| usize::try_from(length).ok())
            .filter(|&length| length <= self.limits.bulk_bytes_max)
            .ok_or(ProtocolError::BulkLength)?;
        if self.is_unknown && length > UNKNOWN_BULK_BYTES_MAX {
            return Err(ProtocolError::UnknownBulk);
        }
        let Some(partial) = &mut self.partial else { return Ok(false) };
        let cost = partial.cost.saturating_add(length).saturating_add(ARGUMENT_COST);
        if cost > self.limits.query_bytes_max {
            return Err(ProtocolError::QueryTooBig);
        }
        partial.cost = cost;
        let there = self.buffer.len() - self.at - (end + 2);
        partial.bulk = Some(Bulk { length, bytes: Vec::with_capacity(length.min(there)) });
        self.take(end + 2);
        Ok(true)
    }

    /// Moves the bytes of a bulk that have arrived into its argument. Returns whether the bulk is complete. Memory grows
    /// with the bytes that have arrived, not with the announced length.
    fn fill_bulk(&mut self) -> bool {
        let Some(partial) = &mut self.partial else { return false };
        let Some(bulk) = &mut partial.bulk else { return false };
        let pending = &self.buffer[self.at..];
        let missing = (bulk.length - bulk.bytes.len()).min(pending.len());
        bulk.bytes.extend_from_slice(&pending[..missing]);
        let is_complete = bulk.bytes.len() == bulk.length && pending.len() >= missing + 2;
        if is_complete {
            partial.held += bulk.bytes.capacity();
            partial.argv.extend(partial.bulk.take().map(|bulk| bulk.bytes));
            partial.missing -= 1;
        }
        self.take(missing + if is_complete { 2 } else { 0 });
        is_complete
    }

    /// The distance from `at` to the next byte `end`, if it has arrived. Errors: `too_big`, if the line is longer than 64
    /// KB.
    fn line_end(&mut self, end: u8, too_big: ProtocolError) -> Result<Option<usize>, ProtocolError> {
        let pending = &self.buffer[self.at..];
        let found = pending[self.searched..].iter().position(|&byte| byte == end || byte == 0);
        // The search continues where it ended, so that bytes that arrive one at a time are searched once.
        self.searched = found.map_or(pending.len(), |found| self.searched + found);
        let is_end = pending.get(self.searched) == Some(&end);
        let length = if is_end { self.searched } else { pending.len() };
        if length > LINE_BYTES_MAX {
            return Err(too_big);
        }
        Ok(is_end.then_some(length))
    }

    fn take(&mut self, bytes: usize) {
        self.at += bytes;
        self.searched = 0;
    }
}
