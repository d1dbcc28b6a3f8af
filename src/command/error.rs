//! Errors of commands, with the texts that Redis uses. Pure.

use super::Reply;
use crate::store::StoreError;

/// A command that could not be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The client made a mistake. The text is the error reply, with its code first. The command changed
    /// nothing.
    #[error("{0}")]
    Client(String),
    /// The store failed; the node stops.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl CommandError {
    /// An error reply with the code `ERR`. The text may quote what the client sent, but an error reply is one
    /// line. As in Redis, line ends at the start and the end of the text are removed, and those inside it
    /// become spaces.
    pub fn err(text: impl std::fmt::Display) -> CommandError {
        let text = text.to_string();
        CommandError::Client(format!("ERR {}", text.trim_matches(['\r', '\n']).replace(['\r', '\n'], " ")))
    }

    /// Bytes from the client as an error text quotes them: up to the first byte 00, where a C string ends.
    pub(super) fn quoted(bytes: &[u8]) -> String {
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(&bytes[..end]).into_owned()
    }

    /// `ERR syntax error`
    pub fn syntax() -> CommandError {
        CommandError::err("syntax error")
    }

    /// `WRONGTYPE …`
    pub fn wrong_type() -> CommandError {
        CommandError::Client("WRONGTYPE Operation against a key holding the wrong kind of value".to_owned())
    }

    /// `ERR value is not an integer or out of range`
    pub fn not_an_integer() -> CommandError {
        CommandError::err("value is not an integer or out of range")
    }

    /// `ERR value is not a valid float`
    pub fn not_a_float() -> CommandError {
        CommandError::err("value is not a valid float")
    }

    /// `ERR wrong number of arguments for 'name' command`
    pub fn arity(name: &str) -> CommandError {
        CommandError::err(format_args!("wrong number of arguments for '{name}' command"))
    }

    /// `ERR unknown command 'name', with args beginning with: 'a' 'b' `. `argv` includes the name.
    pub(super) fn unknown(name: &[u8], argv: &[Vec<u8>]) -> CommandError {
        // Redis cuts name and arguments to 128 bytes each, and stops adding arguments past 128 bytes in all.
        let cut = |bytes: &[u8]| CommandError::quoted(&bytes[..bytes.len().min(128)]);
        let mut shown = String::new();
        for argument in argv.iter().skip(1) {
            if shown.len() >= 128 {
                break;
            }
            let room = 128 - shown.len();
            shown.push_str(&format!("'{}' ", cut(&argument[..argument.len().min(room)])));
        }
        CommandError::err(format_args!("unknown command '{}', with args beginning with: {shown}", cut(name)))
    }

    /// `ERR invalid expire time in 'name' command`
    pub fn invalid_expire(name: &str) -> CommandError {
        CommandError::err(format_args!("invalid expire time in '{name}' command"))
    }

    /// The error reply, or the store's failure.
    pub fn into_reply(self) -> Result<Reply, StoreError> {
        match self {
            CommandError::Client(text) => Ok(Reply::Error(text)),
            CommandError::Store(error) => Err(error),
        }
    }
}
