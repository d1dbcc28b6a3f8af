//! Table — the commands that the server itself answers: names, arity, flags. Pure.

use crate::command::{CommandError, KeyArguments};

/// Defines the enum of commands and their table from one list.
macro_rules! names {
    ($($name:ident $text:literal $arity:literal $flags:expr, $group:literal, $summary:literal $(, $keys:expr)?;)*) => {
        /// A command that the server itself answers.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Name { $($name,)* }

        impl Name {
            /// The command's name as clients write it, in lower case.
            pub(super) fn text(self) -> &'static str {
                match self { $(Name::$name => $text,)* }
            }
        }

        /// The rows of all these commands.
        pub(super) const ROWS: &[Row] = &[
            $(Row {
                name: Name::$name,
                arity: $arity,
                flags: $flags,
                keys: [$($keys,)? KeyArguments::None][0],
                group: $group,
                summary: $summary,
            },)*
        ];
    };
}

/// A row of the table.
pub(super) struct Row {
    pub(super) name: Name,
    /// Number of arguments, the name included. If it is negative, its absolute value is the least number.
    pub(super) arity: i32,
    /// The flags that COMMAND INFO shows.
    pub(super) flags: &'static [&'static str],
    /// Its key arguments.
    pub(super) keys: KeyArguments,
    pub(super) group: &'static str,
    pub(super) summary: &'static str,
}

const ANY_TIME: &[&str] = &["noscript", "loading", "stale"];
const FAST: &[&str] = &["noscript", "loading", "stale", "fast", "no_auth", "allow_busy"];
const ADMIN: &[&str] = &["admin", "noscript", "stale"];
const NO_MULTI: &[&str] = &["admin", "noscript", "stale", NOT_QUEUED];
const TRANSACTION: &[&str] = &["noscript", "loading", "stale", "fast", "allow_busy"];

/// The flag of commands that MULTI refuses to queue.
const NOT_QUEUED: &str = "no_multi";

names! {
    Auth "auth" -2 FAST, "connection", "Authenticate to the server";
    Client "client" -2 &[], "connection", "A container for client connection commands";
    Command "command" -1 &["loading", "stale"], "server", "Get array of Redis command details";
    Config "config" -2 &[], "server", "A container for server configuration commands";
    Discard "discard" 1 TRANSACTION, "transactions", "Discard all commands issued after MULTI";
    Exec "exec" 1 &["noscript", "loading", "stale", "skip_slowlog"], "transactions", "Execute all commands issued after MULTI";
    Failover "failover" -1 ADMIN, "server", "Start a coordinated failover between this server and one of its replicas.";
    Hello "hello" -1 FAST, "connection", "Handshake with Redis";
    Info "info" -1 &["loading", "stale"], "server", "Get information and statistics about the server";
    Multi "multi" 1 TRANSACTION, "transactions", "Mark the start of a transaction block";
    Quit "quit" -1 FAST, "connection", "Close the connection";
    Rcsync "rcsync" -2 NO_MULTI, "server", "Follow this node as a replica; the connection leaves Redis's protocol";
    Replicaof "replicaof" 3 ADMIN, "server", "Make the server a replica of another instance, or promote it as master.";
    Reset "reset" 1 FAST, "connection", "Reset the connection";
    Role "role" 1 &["noscript", "loading", "stale", "fast"], "server", "Return the role of the instance in the context of replication";
    Shutdown "shutdown" -1 NO_MULTI, "server", "Synchronously save the dataset to disk and then shut down the server";
    Slaveof "slaveof" 3 ADMIN, "server", "Make the server a replica of another instance, or promote it as master.";
    Unwatch "unwatch" 1 TRANSACTION, "transactions", "Forget about all watched keys";
    Wait "wait" 3 &["noscript"], "generic", "Wait for the synchronous replication of all the write commands sent in the context of the current connection";
    Waitaof "waitaof" 4 &["noscript"], "generic", "Wait for all write commands sent in the context of the current connection to be synced to AOF of local host and/or replicas";
    Watch "watch" -2 TRANSACTION, "transactions", "Watch the given keys to determine execution of the MULTI/EXEC block", KeyArguments::ALL;
}

impl Row {
    /// Whether MULTI queues the command.
    pub(super) fn is_queued(&self) -> bool {
        !self.flags.contains(&NOT_QUEUED)
    }
}

/// The flags of subcommands.
pub(super) const SUBCOMMAND_FLAGS: &[&str] = ANY_TIME;

/// The row with that name, which may be in upper or lower case.
pub(super) fn find(name: &[u8]) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name.text().as_bytes().eq_ignore_ascii_case(name))
}

/// Checks the number of arguments, the name included. Errors: it does not match `arity`.
pub(super) fn check_arity(name: &str, arity: i32, argv: &[Vec<u8>]) -> Result<(), CommandError> {
    let count = i32::try_from(argv.len()).unwrap_or(i32::MAX);
    if (arity >= 0 && count != arity) || count < arity.abs() {
        return Err(CommandError::arity(name));
    }
    Ok(())
}

/// The subcommand that `argv` names, in lower case. Errors: it is not in `known` (name, arity), or the number of arguments
/// is wrong.
pub(super) fn subcommand(
    container: &str,
    known: &'static [(&'static str, i32)],
    argv: &[Vec<u8>],
) -> Result<&'static str, CommandError> {
    let asked = &argv[1];
    let Some((name, arity)) = known.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(asked))
    else {
        let asked = String::from_utf8_lossy(&asked[..asked.len().min(128)]);
        let upper = container.to_uppercase();
        return Err(CommandError::err(format_args!("unknown subcommand '{asked}'. Try {upper} HELP.")));
    };
    check_arity(&format!("{container}|{name}"), *arity, argv)?;
    Ok(name)
}

/// Makes the reply to HELP, with each line as a status, as in Redis.
pub(super) fn help(container: &str, lines: &[&'static str]) -> crate::command::Reply {
    use crate::command::Reply;
    let first: &'static str = match container {
        "client" => "CLIENT <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        "config" => "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
        _ => "COMMAND <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    };
    let all = [first].into_iter().chain(lines.iter().copied()).chain(["HELP", "    Prints this help."]);
    Reply::Array(all.map(Reply::Status).collect())
}
