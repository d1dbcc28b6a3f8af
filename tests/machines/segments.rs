//! The binlog's files on a disk that forgets unsynced data, fails and rots, and on the real disk.

#[cfg(feature = "compression")]
mod crash;
mod damage;
#[cfg_attr(
    not(feature = "compression"),
    allow(dead_code, reason = "`crash` needs the rest, with packed segments")
)]
mod forgetful;
#[cfg_attr(
    not(feature = "compression"),
    allow(dead_code, reason = "`crash` needs the rest, with packed segments")
)]
mod history;
#[cfg(feature = "compression")]
mod packed;
mod reading;
#[cfg(not(feature = "compression"))]
mod without_compression;
