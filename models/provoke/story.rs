//! Story — a round and the reads that break an invariant → a story, as every counterexample is told. Pure.

use super::judge::{Broken, Sight};
use super::{History, Recording};
use crate::effect::Key;
use crate::models::request::Request;
use crate::models::story::{Arrow, Conclusion, Deed, Lane, Logged, Part, Step, Story, key_rows};
use crate::store::Dump;

/// The story of a broken invariant: the writes in the order of the log, and the reads that matter where they were answered.
pub fn story(requests: &[Request], history: &History, recording: &Recording, broken: &Broken) -> Story {
    let evidence = &broken.evidence;
    let last = evidence.sees.sent;
    let mut steps = Vec::new();
    let looks = |sight: &Sight, word: &str| look(sight, word, recording, &master_at(history, sight));
    for number in 0..=requests.len().min(last) {
        if number > 0 {
            steps.push(send(requests, history, number - 1));
        }
        steps.extend(
            evidence.before.iter().filter(|sight| sight.sent == number).map(|sight| looks(sight, "a reader")),
        );
    }
    let who = if evidence.is_at_end { "with all of the log applied, a reader" } else { "the reader" };
    let mut end = looks(&evidence.sees, who);
    end.broken = vec![broken.invariant];
    let keys = end.keys.clone();
    steps.push(end);
    let part = Part::Broken { invariants: vec![broken.invariant], how: sentence(&evidence.how) };
    Story {
        program: requests.iter().map(ToString::to_string).collect(),
        steps,
        keys,
        conclusion: Conclusion(vec![part]),
        ..Story::default()
    }
}

fn sentence(how: &str) -> String {
    let mut letters = how.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The master when `sight` was answered, as far as it had been sent anything.
fn master_at(history: &History, sight: &Sight) -> Dump {
    history.at(history.through(sight.sent)).cloned().unwrap_or_default()
}

fn send(requests: &[Request], history: &History, at: usize) -> Step {
    let (before, lsn) = (history.through(at), history.through(at + 1));
    let logged = if before == lsn { Logged::Nothing } else { Logged::As(lsn) };
    Step {
        deed: Deed::Send { requests: vec![requests[at].clone()], logged },
        lane: Some(Lane::Client),
        arrows: vec![arrow(Lane::Client, Lane::Master)],
        ..Step::default()
    }
}

fn look(sight: &Sight, who: &str, recording: &Recording, master: &Dump) -> Step {
    let shown = |key: &Key| sight.dump.get(key).map(|stored| format!("{key} = {}", stored.content));
    let seen: Vec<String> = recording.keys.iter().filter_map(shown).collect();
    let seen = if seen.is_empty() { "no key".to_owned() } else { seen.join(", ") };
    Step {
        deed: Deed::Ran(format!("{who} sees {seen}")),
        lane: Some(Lane::Replica),
        arrows: vec![],
        keys: key_rows(master, &sight.dump, None).into_iter().map(|(_, row)| row).collect(),
        ..Step::default()
    }
}

fn arrow(from: Lane, to: Lane) -> Arrow {
    Arrow { from, to, carries: Vec::new(), left_in: None }
}
