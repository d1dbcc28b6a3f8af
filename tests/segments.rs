//! The binlog's files on a disk that forgets, fails and rots, and on the real one.

#[path = "segments/crash.rs"]
mod crash;
#[path = "segments/damage.rs"]
mod damage;
#[path = "segments/forgetful.rs"]
mod forgetful;
#[path = "segments/history.rs"]
mod history;
#[path = "segments/reading.rs"]
mod reading;
