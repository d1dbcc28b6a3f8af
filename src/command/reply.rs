//! Reply — what a client reads, before it is framed as RESP2 or RESP3. Pure.

use crate::store::element::Score;

/// A reply to a command.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Reply {
    /// A status such as `OK` or `PONG`.
    Status(&'static str),
    /// An error with its code first, such as `ERR syntax error`.
    Error(String),
    /// A signed integer.
    Integer(i64),
    /// A string of any bytes.
    Bulk(Vec<u8>),
    /// Text for human readers: a string in RESP2, marked as text in RESP3 (INFO, CLIENT LIST).
    Verbatim(Vec<u8>),
    /// A number: a string in RESP2, a double in RESP3 (ZSCORE).
    Double(Score),
    /// No value.
    Null,
    /// No list: a null array in RESP2, the same as [`Reply::Null`] in RESP3 (LPOP with a count).
    NullArray,
    /// A list of replies.
    Array(Vec<Reply>),
    /// Replies without order or repetition: a list in RESP2 (the flags of COMMAND INFO).
    Set(Vec<Reply>),
    /// Names and values: a flat array in RESP2, a map in RESP3 (HGETALL).
    Map(Vec<(Reply, Reply)>),
    /// Pairs: a flat array in RESP2, an array of two-element arrays in RESP3 (HRANDFIELD WITHVALUES).
    Pairs(Vec<(Reply, Reply)>),
}

impl Reply {
    /// The status OK.
    pub const OK: Reply = Reply::Status("OK");

    /// A string reply.
    pub fn bulk(bytes: impl Into<Vec<u8>>) -> Reply {
        Reply::Bulk(bytes.into())
    }

    /// The value, or null if there is none.
    pub fn bulk_or_null(bytes: Option<Vec<u8>>) -> Reply {
        bytes.map_or(Reply::Null, Reply::Bulk)
    }

    /// A count as an integer reply. Counts of stored things always fit.
    pub fn count(count: usize) -> Reply {
        Reply::Integer(i64::try_from(count).unwrap_or(i64::MAX))
    }

    /// 1 or 0.
    pub fn truth(yes: bool) -> Reply {
        Reply::Integer(i64::from(yes))
    }

    /// Bytes of memory that it takes. Its encoded form is at most a few bytes longer.
    pub fn bytes(&self) -> usize {
        let all = |replies: &[Reply]| replies.iter().map(Reply::bytes).sum::<usize>();
        let pairs =
            |pairs: &[(Reply, Reply)]| pairs.iter().map(|(a, b)| a.bytes() + b.bytes()).sum::<usize>();
        size_of::<Reply>()
            + match self {
                Reply::Status(_) | Reply::Integer(_) | Reply::Double(_) | Reply::Null | Reply::NullArray => 0,
                Reply::Error(text) => text.capacity(),
                Reply::Bulk(bytes) | Reply::Verbatim(bytes) => bytes.capacity(),
                Reply::Array(items) | Reply::Set(items) => all(items),
                Reply::Map(items) | Reply::Pairs(items) => pairs(items),
            }
    }

    /// Whether it is an error.
    pub fn is_error(&self) -> bool {
        matches!(self, Reply::Error(_))
    }
}
