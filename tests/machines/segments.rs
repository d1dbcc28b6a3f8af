//! The binlog's files on a disk that forgets, fails and rots, and on the real one.

mod crash;
mod damage;
mod forgetful;
mod history;
mod packed;
mod reading;
