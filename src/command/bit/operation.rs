//! BITOP: the bits of several strings combined. Pure. Cost: O(bytes of the strings).

use crate::command::options::is_option;
use crate::command::string::{put, remove};
use crate::command::{CommandError, Outcome, Reply, View};
use crate::effect::Effect;
use crate::time::Millis;

/// How BITOP combines the bytes at one position.
#[derive(Clone, Copy)]
enum Operation {
    And,
    Or,
    Xor,
    Not,
}

impl Operation {
    fn parse(name: &[u8]) -> Result<Operation, CommandError> {
        let names = [
            ("and", Operation::And),
            ("or", Operation::Or),
            ("xor", Operation::Xor),
            ("not", Operation::Not),
        ];
        let found = names.iter().find(|(known, _)| is_option(name, known));
        found.map(|(_, operation)| *operation).ok_or_else(CommandError::syntax)
    }

    /// The result for the strings; a shorter string is continued with zeros. NOT has one string.
    fn of(self, sources: &[Vec<u8>]) -> Vec<u8> {
        let combine: fn(u8, u8) -> u8 = match self {
            Operation::And => |byte, with| byte & with,
            Operation::Or => |byte, with| byte | with,
            Operation::Xor | Operation::Not => |byte, with| byte ^ with,
        };
        let length = sources.iter().map(Vec::len).max().unwrap_or_default();
        let mut result = sources.first().cloned().unwrap_or_default();
        result.resize(length, 0);
        for source in sources.iter().skip(1) {
            let bytes = source.iter().copied().chain(std::iter::repeat(0));
            result.iter_mut().zip(bytes).for_each(|(byte, with)| *byte = combine(*byte, with));
        }
        if let Operation::Not = self {
            result.iter_mut().for_each(|byte| *byte = !*byte);
        }
        result
    }
}

/// BITOP replaces the destination, whatever its type was, and its deadline; an empty result removes it.
pub(super) fn bitop(view: &View<'_>, _: Millis, argv: &[Vec<u8>]) -> Outcome {
    let operation = Operation::parse(&argv[1])?;
    if matches!(operation, Operation::Not) && argv.len() != 4 {
        return Err(CommandError::err("BITOP NOT must be called with a single source key."));
    }
    let value = |name: &Vec<u8>| Ok(view.string(name)?.map(|(value, _)| value).unwrap_or_default());
    let sources: Result<Vec<Vec<u8>>, CommandError> = argv[3..].iter().map(value).collect();
    let result = operation.of(&sources?);
    let effect = match view.record(&argv[2])? {
        _ if !result.is_empty() => put(view, &argv[2], &result, None)?,
        Some(_) => remove(view, &argv[2])?,
        None => Effect::none(),
    };
    Ok((Reply::count(result.len()), effect))
}
