//! Replays transcripts of a real Redis 7.0 against this crate's commands; those of commands that it does not have are of
//! Valkey 9.1.
//!
//! Each file of `tests/golden/commands/` is a list of commands with the replies that Redis gave; `tests/golden/record.py`
//! describes the format and how to record a file. A transcript runs on an empty [`MemoryStore`], one entry for each command.
//! Beside its replies, each command must keep the promises on which the rest of the engine relies: see
//! [`check_promises`].

use replicheck::command::{Command, CommandError, Reply, View};
use replicheck::effect::{Effect, KeySet};
use replicheck::store::{Store, memory::MemoryStore};
use replicheck::time::Millis;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The instant at which every transcript starts, in 2027.
const START: Millis = Millis(1_800_000_000_000);

/// Replays all transcripts; returns how many commands and files there were.
fn replay_all(see: &mut Seen<'_>, failures: &mut String) -> (usize, usize) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/commands");
    let mut files: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("folder of transcripts")
        .map(|file| file.expect("file").path())
        .collect();
    files.sort();
    let mut commands = 0;
    for file in &files {
        let name = file.file_stem().and_then(|name| name.to_str()).expect("name of transcript");
        let text = std::fs::read_to_string(file).expect("transcript");
        commands += Replay::default().run(name, &text, see, failures);
    }
    (commands, files.len())
}

/// Every effect in the transcripts that changes something, with the command that had it and the instant.
pub(super) fn effects_of_transcripts() -> Vec<(Command, Effect, Millis)> {
    let mut effects = Vec::new();
    let mut see = |command: &Command, effect: &Effect, now| {
        if !effect.is_empty() {
            effects.push((command.clone(), effect.clone(), now));
        }
    };
    replay_all(&mut see, &mut String::new());
    effects
}

#[test]
fn transcripts_replayed_give_the_replies_of_redis() {
    let mut failures = String::new();
    let (commands, files) = replay_all(&mut |_, _, _| (), &mut failures);
    println!("{commands} commands in {files} transcripts");
    assert!(failures.is_empty(), "replies differ from those of Redis:\n{failures}");
}

/// A callback for each command, its effect and its instant.
type Seen<'a> = dyn FnMut(&Command, &Effect, Millis) + 'a;

/// How the reply to a command is compared.
#[derive(Clone, Copy)]
enum Compare {
    Exactly,
    /// Innermost arrays are sorted, this many items at a time.
    Sorted(usize),
    /// Only the kind of reply is compared.
    Kind,
}

/// A node reduced to its commands: a store, a clock, and the database of its only connection.
struct Replay {
    store: MemoryStore,
    now: Millis,
    db: u8,
    lsn: u64,
}

impl Default for Replay {
    fn default() -> Replay {
        Replay { store: MemoryStore::new(), now: START, db: 0, lsn: 0 }
    }
}

impl Replay {
    /// Runs a transcript, notes what differs, and returns how many commands it had.
    fn run(&mut self, name: &str, text: &str, see: &mut Seen<'_>, failures: &mut String) -> usize {
        let lines: Vec<&str> = text.lines().collect();
        let mut commands = 0;
        for (at, line) in lines.iter().enumerate() {
            if let Some(wait) = line.strip_prefix("@wait ") {
                self.now = self.now.offset(wait.trim().parse().expect("milliseconds"));
            }
            let Some((mark, typed)) = line.strip_prefix('>').and_then(|rest| rest.split_once(' ')) else {
                continue;
            };
            let compare = match mark {
                "" => Compare::Exactly,
                "~" => Compare::Sorted(1),
                "~2" => Compare::Sorted(2),
                "?" => Compare::Kind,
                _ => panic!("{name}:{}: unknown mark >{mark}", at + 1),
            };
            let expected: Vec<&str> =
                lines[at + 1..].iter().copied().take_while(|line| is_reply(line)).collect();
            let actual = render(&self.ask(split_arguments(typed), see), compare);
            if actual != expected {
                writeln!(failures, "\n{name}:{}  {line}", at + 1).expect("writing to a string");
                writeln!(failures, "  redis: {}", expected.join("\n         ")).expect("writing to a string");
                writeln!(failures, "  ours:  {}", actual.join("\n         ")).expect("writing to a string");
            }
            commands += 1;
        }
        commands
    }

    /// Executes one command and applies its effect.
    fn ask(&mut self, argv: Vec<Vec<u8>>, see: &mut Seen<'_>) -> Reply {
        let command = match Command::parse(self.db, argv) {
            Ok(command) => command,
            Err(CommandError::Client(text)) => return Reply::Error(text),
            Err(error) => panic!("{error}"),
        };
        let view = View::new(&self.store, self.db, self.now).with_incarnation(self.lsn + 1);
        let (reply, effect) = command.execute(&view, self.now).expect("the store in memory never fails");
        check_promises(&command, &self.store, &view, self.now, (&reply, &effect));
        see(&command, &effect, self.now);
        if !effect.is_empty() {
            self.lsn += 1;
            self.store.write(&effect.writes).expect("the store in memory never fails");
        }
        if let Some(db) = command.selects() {
            self.db = db;
        }
        reply
    }
}

/// Checks the promises on which the engine relies beyond the reply. A command that is not a write has no effect, and neither
/// has a refused one. An effect stays within the keys of its command. Execution is a function of its inputs. A command that
/// says that it does not depend on stored data leaves its keys as it would leave them on an empty store.
fn check_promises(
    command: &Command,
    store: &MemoryStore,
    view: &View<'_>,
    now: Millis,
    (reply, effect): (&Reply, &Effect),
) {
    assert!(effect.is_empty() || command.is_write(), "{command}: a read with the effect {effect:?}");
    assert!(
        effect.is_empty() || !reply.is_error(),
        "{command}: a refused command with the effect {effect:?}"
    );
    match (&effect.keys, command.keys()) {
        (KeySet::Everything, allowed) => assert_eq!(allowed, KeySet::Everything, "{command}: touches all"),
        (KeySet::Keys(touched), allowed) => {
            for key in touched {
                assert!(allowed.contains(key), "{command}: touches {key:?}, which is not among its keys");
            }
        }
    }
    let again = command.execute(view, now).expect("the store in memory never fails");
    assert_eq!((reply, effect), (&again.0, &again.1), "{command}: two executions differ");
    if !command.depends_on_stored() {
        let nothing = MemoryStore::new();
        let empty = View::new(&nothing, view.db(), now).with_incarnation(view.incarnation());
        let (alone_reply, alone) = command.execute(&empty, now).expect("the store in memory never fails");
        if reply.is_error() {
            assert_eq!(reply, &alone_reply, "{command}: is refused because of stored data");
            return;
        }
        let left = |effect: &Effect, mut store: MemoryStore| {
            store.write(&effect.writes).expect("the store in memory never fails");
            let view = View::new(&store, view.db(), now);
            let record = |name: &&[u8]| view.record(name).expect("the store in memory never fails");
            command.key_arguments().iter().map(record).collect::<Vec<_>>()
        };
        let (after, after_alone) = (left(effect, store.clone()), left(&alone, nothing.clone()));
        assert_eq!(
            after, after_alone,
            "{command}: depends on stored data, although it says that it does not"
        );
    }
}

/// Whether a line of a transcript is part of a reply.
fn is_reply(line: &str) -> bool {
    line.trim_start().starts_with(['+', '-', ':', '$', '*', '_'])
}

/// The lines of a reply as RESP2 shows it.
fn render(reply: &Reply, compare: Compare) -> Vec<String> {
    let mut lines = render_at(reply, compare, 0);
    if matches!(compare, Compare::Kind) {
        lines.truncate(1);
        let kind = match lines[0].as_bytes()[0] {
            b'_' => return lines,
            b'*' => lines[0].clone(),
            other => char::from(other).to_string(),
        };
        lines[0] = kind + "?";
    }
    lines
}

fn render_at(reply: &Reply, compare: Compare, depth: usize) -> Vec<String> {
    let pad = "  ".repeat(depth);
    match reply {
        Reply::Status(text) => vec![format!("{pad}+{text}")],
        Reply::Error(text) => vec![format!("{pad}-{text}")],
        Reply::Integer(number) => vec![format!("{pad}:{number}")],
        Reply::Bulk(bytes) | Reply::Verbatim(bytes) => vec![format!("{pad}$\"{}\"", escape(bytes))],
        Reply::Null => vec![format!("{pad}_")],
        Reply::Array(items) | Reply::Set(items) => {
            render_array(&items.iter().collect::<Vec<_>>(), compare, depth)
        }
        Reply::NullArray => vec![format!("{pad}*_")],
        Reply::Double(score) => vec![format!("{pad}$\"{}\"", score)],
        Reply::Map(pairs) | Reply::Pairs(pairs) => {
            let items: Vec<&Reply> = pairs.iter().flat_map(|(name, value)| [name, value]).collect();
            render_array(&items, compare, depth)
        }
    }
}

fn render_array(items: &[&Reply], compare: Compare, depth: usize) -> Vec<String> {
    let mut rendered: Vec<Vec<String>> =
        items.iter().map(|item| render_at(item, compare, depth + 1)).collect();
    let flat = rendered.iter().all(|lines| !lines[0].trim_start().starts_with('*'));
    if let (Compare::Sorted(group), true) = (compare, flat) {
        let mut chunks: Vec<Vec<Vec<String>>> = rendered.chunks(group).map(<[_]>::to_vec).collect();
        chunks.sort();
        rendered = chunks.concat();
    }
    let mut lines = vec![format!("{}*{}", "  ".repeat(depth), items.len())];
    lines.extend(rendered.concat());
    lines
}

/// Escapes bytes as the recorder does; unlike `escape_ascii`, it leaves single quotes alone.
fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string().replace("\\'", "'")
}

/// The arguments of a command line, quoted as in redis-cli.
fn split_arguments(line: &str) -> Vec<Vec<u8>> {
    let (mut arguments, mut rest) = (Vec::new(), line.trim());
    while !rest.is_empty() {
        let argument;
        (argument, rest) = match rest.strip_prefix('"') {
            Some(quoted) => unquote(quoted),
            None => {
                let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
                (word.as_bytes().to_vec(), after)
            }
        };
        arguments.push(argument);
        rest = rest.trim_start();
    }
    arguments
}

/// The bytes up to the closing quote, and the text after it.
fn unquote(quoted: &str) -> (Vec<u8>, &str) {
    let (mut bytes, mut at) = (Vec::new(), 0);
    let source = quoted.as_bytes();
    while source[at] != b'"' {
        if source[at] != b'\\' {
            bytes.push(source[at]);
            at += 1;
            continue;
        }
        let (byte, length) = match source[at + 1] {
            b'x' => (u8::from_str_radix(&quoted[at + 2..at + 4], 16).expect("two hex digits"), 4),
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            other => (other, 2),
        };
        bytes.push(byte);
        at += length;
    }
    (bytes, &quoted[at + 1..])
}
