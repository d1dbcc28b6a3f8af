//! The reference against the replies of a real Redis: the transcripts of `tests/golden/commands/` (format: `record.py`).

use super::resp2::{in_resp2, in_the_shape_of};
use super::{Answer, Reference};
use replicheck::command::{Command, CommandError, Reply, line};
use replicheck::time::Millis;
use std::fmt::Write as _;
use std::path::Path;

/// The instant at which every transcript starts, in 2027.
const START: Millis = Millis(1_800_000_000_000);

#[test]
fn reference_replaying_transcripts_gives_the_replies_of_redis() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/commands");
    let (mut compared, mut failures) = (0, String::new());
    for file in std::fs::read_dir(&folder).expect("folder of transcripts") {
        let file = file.expect("file").path();
        let text = std::fs::read_to_string(&file).expect("transcript");
        compared += replay(&file.display().to_string(), &text, &mut failures);
    }
    println!("{compared} replies compared");
    assert!(failures.is_empty(), "the reference differs from Redis:\n{failures}");
}

#[test]
fn finds_a_reply_that_redis_did_not_give() {
    for wrong in ["> GET a\n$\"1\"\n", "> KEYS *\n*1\n  $\"a\"\n", "> SET a 1\n+NO\n", "> HGETALL h\n_\n"] {
        let mut failures = String::new();
        assert_eq!(replay("wrong", wrong, &mut failures), 1);
        assert!(!failures.is_empty(), "{wrong}");
    }
}

/// Notes differences in `failures`; returns how many replies were compared.
fn replay(name: &str, text: &str, failures: &mut String) -> usize {
    let (mut reference, mut now, mut db, mut compared) = (Reference::default(), START, 0, 0);
    let lines: Vec<&str> = text.lines().collect();
    for (at, &typed) in lines.iter().enumerate() {
        if let Some(wait) = typed.strip_prefix("@wait ") {
            now = now.offset(wait.trim().parse().expect("milliseconds"));
        }
        let Some((mark, words)) = typed.strip_prefix('>').and_then(|rest| rest.split_once(' ')) else {
            continue;
        };
        let argv = line::split(words.as_bytes()).expect("a command line");
        let (answer, asked) = match Command::parse(db, argv) {
            Ok(command) => (reference.answer(now, db, command.argv()), Some(command)),
            Err(CommandError::Client(text)) => (Answer::Exactly(Reply::Error(text)), None),
            Err(error) => panic!("{error}"),
        };
        // The transcript does not hold all values from which Redis drew at random.
        let reply = if mark == "?" {
            any_draw(&answer)
        } else {
            compared += 1;
            let recorded = recorded(&mut lines[at + 1..].iter().copied(), 0);
            let reply = recorded.clone().map(|recorded| in_the_shape_of(&answer, recorded));
            let accepted = reply.filter(|reply| in_resp2(answer.clone()).accepts(reply));
            if accepted.is_none() {
                let cut = |shown: String| shown.chars().take(300).collect::<String>();
                let (ours, theirs) = (cut(format!("{answer:?}")), cut(format!("{recorded:?}")));
                let line = format!("{name}:{}  {typed}", at + 1);
                writeln!(failures, "{line}\n  reference {ours}\n  redis     {theirs}").expect("a string");
            }
            accepted
        };
        if let Some(command) = asked {
            if let Some(reply) = reply {
                reference.follow(db, command.argv(), &answer, &reply);
            }
            db = command.selects().unwrap_or(db);
        }
    }
    compared
}

/// One of the replies that Redis may have given to SPOP: what the transcript shows after it does not depend on the choice.
fn any_draw(answer: &Answer) -> Option<Reply> {
    let Answer::Popped { from, wanted } = answer else { return None };
    let wanted = wanted.map_or(1, |wanted| usize::try_from(wanted).expect("not negative"));
    Some(Reply::Set(from.iter().take(wanted).map(|member| Reply::Bulk(member.clone())).collect()))
}

/// The first reply in these lines.
fn recorded<'a>(lines: &mut impl Iterator<Item = &'a str>, depth: usize) -> Option<Reply> {
    let text = lines.next()?.strip_prefix(&"  ".repeat(depth))?;
    let (kind, rest) = text.split_at_checked(1)?;
    Some(match kind {
        "+" => Reply::Status(rest.to_owned().leak()),
        "-" => Reply::Error(rest.to_owned()),
        ":" => Reply::Integer(rest.parse().expect("an integer")),
        "$" => Reply::Bulk(line::split(rest.as_bytes()).expect("a quoted string").concat()),
        "_" => Reply::Null,
        "*" if rest == "_" => Reply::NullArray,
        "*" => {
            let count = rest.parse::<usize>().expect("a count");
            Reply::Array((0..count).map(|_| recorded(lines, depth + 1).expect("an item")).collect())
        }
        _ => return None,
    })
}
