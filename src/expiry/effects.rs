//! `effects` — every write is logged as bytes, with deadlines in them; readers judge by the replica's clock. Pure.

use super::ExpiryPolicy;

/// Bytes in the log, the replica's clock at reads.
#[derive(Clone, Copy, Debug)]
pub struct Effects;

impl ExpiryPolicy for Effects {}
