//! The binlog's files on a disk that forgets unsynced data, fails and rots, and on the real disk.

mod crash;
mod damage;
mod forgetful;
mod history;
mod packed;
mod reading;
