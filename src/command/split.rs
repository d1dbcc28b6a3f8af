//! Splitting a command with several keys into one command per key, as Pika's master does. Pure.

use super::Command;
use crate::effect::{Key, KeySet};

impl Command {
    /// The key that the command names first.
    pub fn first_key(&self) -> Option<Key> {
        self.key_arguments().first().map(|name| Key::new(self.db, *name))
    }

    /// Whether it can be split: DEL, UNLINK and MSET, and any command that touches at most one key.
    pub fn is_splittable(&self) -> bool {
        match self.keys() {
            KeySet::Everything => false,
            KeySet::Keys(keys) => keys.len() <= 1 || matches!(self.name(), "del" | "unlink" | "mset"),
        }
    }

    /// The command's part for `key`, one of its keys; the command itself if it cannot be split.
    pub fn part(&self, key: &Key) -> Command {
        let argv = match self.name() {
            "del" | "unlink" => vec![self.argv[0].clone(), key.name.clone()],
            // If a key is named twice, the last value wins.
            "mset" => match self.argv[1..].chunks_exact(2).rev().find(|pair| pair[0] == key.name) {
                Some(pair) => vec![b"SET".to_vec(), pair[0].clone(), pair[1].clone()],
                None => return self.clone(),
            },
            _ => return self.clone(),
        };
        Command::parse(self.db, argv).unwrap_or_else(|_| self.clone())
    }
}
