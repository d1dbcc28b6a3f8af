//! The binlog's files on a disk that forgets unsynced data, fails and rots, and on the real disk.

#[cfg(feature = "compression")]
mod crash;
mod damage;
mod forgetful;
mod history;
#[cfg(feature = "compression")]
mod packed;
mod reading;
#[cfg(not(feature = "compression"))]
mod without_compression;
