//! Renaming the keys of a command. Pure.

use super::{Command, keys};
use crate::effect::Key;

impl Command {
    /// The command with the name of each key replaced. A key that is named twice is replaced twice. The argument of MOVE is a
    /// key in two databases: it is replaced by the new name of the key in the command's own database.
    #[must_use]
    pub fn renamed(&self, name_of: &dyn Fn(&Key) -> Vec<u8>) -> Command {
        let names: Vec<Vec<u8>> = keys::in_their_databases(self)
            .into_iter()
            .map(|(db, name)| name_of(&Key::new(db, name)))
            .collect();
        let mut argv = self.argv.to_vec();
        for (place, name) in self.key_positions().into_iter().zip(names) {
            if let Some(argument) = argv.get_mut(place) {
                *argument = name;
            }
        }
        Command { argv: argv.into(), ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::line;

    fn command(text: &str) -> Command {
        Command::parse(0, line::split(text.as_bytes()).expect("a line")).expect("a command")
    }

    #[test]
    fn renamed_key_arguments_are_replaced_and_nothing_else_is() {
        let cases = [
            ("SET a a", "SET a1 a"),
            ("MSET a 1 b 2 a 3", "MSET a1 1 b1 2 a1 3"),
            ("DEL a b", "DEL a1 b1"),
            ("RENAME a b", "RENAME a1 b1"),
            ("HSET a a b", "HSET a1 a b"),
            ("COPY a b DB 3 REPLACE", "COPY a1 b3 DB 3 REPLACE"),
            ("MOVE a 3", "MOVE a1 3"),
            ("FLUSHDB", "FLUSHDB"),
        ];
        for (before, after) in cases {
            let renamed = command(before).renamed(&|key| {
                let suffix = if key.db == 0 { 1 } else { key.db };
                [&key.name[..], suffix.to_string().as_bytes()].concat()
            });
            assert_eq!(renamed.to_string(), after, "{before}");
        }
    }
}
