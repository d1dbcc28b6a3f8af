//! The binlog's files on a disk that forgets, fails and rots, and on the real one.

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
