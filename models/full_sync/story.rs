//! A path as a story.

use super::model::{Action, FullSyncModel, Link, State};
use super::world::Copying;
use super::{Choice, PASS_MS};
use crate::binlog::Lsn;
use crate::models::bounds::START;
use crate::models::invariants::Invariant;
use crate::models::judged::Judged;
use crate::models::path;
use crate::models::story::full_sync::CopyDeed;
use crate::models::story::handshake::NodeDeed;
use crate::models::story::{
    Arrow, Clocks, Conclusion, Deed, Holding, Holds, Instant, KeyRow, Lane, Logged, Mark, Narrate, Part,
    Sign, Step, Story, key_rows, ms_since,
};
use crate::store::key;

impl Narrate for FullSyncModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &FullSyncModel, path: &[Action]) -> Story {
    let mut story =
        Story { program: super::BEFORE.iter().map(|&line| line.to_owned()).collect(), ..Story::default() };
    let (start, steps) = path::steps(model, path);
    let last = path::end_of(start, &steps);
    for (state, action, next) in steps {
        let (lane, deed) = told(model, &state, action, &next);
        story.steps.push(Step {
            deed,
            lane,
            arrows: arrows(model, &state, action, &next),
            marks: marks(action),
            ..state_of(model, &next)
        });
        if let Action::Write(number) = action {
            story.program.extend(model.alphabet[number].lines());
        }
    }
    story.keys = keys(model, &last);
    story.conclusion = conclusion(model, &last);
    story
}

/// The lane of a step, and its deed.
fn told(model: &FullSyncModel, state: &State, action: Action, next: &State) -> (Option<Lane>, Deed) {
    let on = |lane, deed| (Some(lane), deed);
    let node = |deed| (Some(Lane::Replica), Deed::Node(deed));
    let copy = |deed| (Some(Lane::Replica), Deed::Copy(deed));
    match action {
        Action::Write(number) => {
            let requests = vec![model.alphabet[number].clone()];
            let [before, after] = [state, next].map(|state| model.log(state).last());
            let logged = if after > before { Logged::As(after) } else { Logged::Nothing };
            on(Lane::Client, Deed::Send { requests, logged })
        }
        Action::Pass => (None, Deed::Pass(PASS_MS)),
        Action::Remove => {
            let key = model.dead_key(state).expect("it is removed").clone();
            on(Lane::Master, Deed::Remove { key, logged: Vec::new() })
        }
        Action::Purge => on(Lane::Master, Deed::Copy(CopyDeed::Purge(next.first))),
        Action::Late => on(Lane::Master, Deed::Copy(CopyDeed::Forget)),
        Action::Cut if next.ready.is_some() => copy(CopyDeed::LoseEnd),
        Action::Cut => node(NodeDeed::LoseLink),
        Action::Crash => on(Lane::Replica, Deed::Restart { is_killed: true, down_ms: 0 }),
        Action::Connect => {
            let hello = model.hello(state);
            match model.answer(state) {
                Ok(resume) => node(NodeDeed::Connect { last: hello.last, answer: Ok(resume.from) }),
                Err(refusal) => copy(CopyDeed::Refused(hello.last, refusal.reply(hello.version))),
            }
        }
        Action::Ask => copy(CopyDeed::Ask),
        Action::Snapshot => on(Lane::Master, Deed::Copy(CopyDeed::Snapshot(model.master(next).last()))),
        Action::Arrive => copy(arrived(model, state, next)),
        Action::Stream => copy(CopyDeed::Entry(end_of(model, next).unwrap_or_default())),
        Action::Switch => copy(CopyDeed::Switch(model.seen(next))),
        Action::Deliver => node(NodeDeed::Receive(model.seen(next))),
        Action::Heartbeat => on(Lane::Master, Deed::Heartbeat),
    }
}

/// The copy under way in a state.
fn copying<'a>(model: &'a FullSyncModel, state: &State) -> Option<&'a Copying> {
    if let Link::Copying(copy) = state.link { Some(model.copies.value(copy)) } else { None }
}

/// The last entry of the log that a copy under way has.
fn end_of(model: &FullSyncModel, state: &State) -> Option<Lsn> {
    Some(copying(model, state)?.end.as_ref()?.last)
}

/// The part of a copy that arrived.
fn arrived(model: &FullSyncModel, state: &State, next: &State) -> CopyDeed {
    let Some(after) = copying(model, next) else {
        let is_complete = next.ready.is_some() || next.kept != state.kept;
        return if is_complete { CopyDeed::End } else { CopyDeed::HangUp };
    };
    let record = after.from.strip_suffix(&[0]).and_then(key::owner);
    match record.filter(|_| copying(model, state).is_some_and(|before| before.from != after.from)) {
        Some(key) => CopyDeed::Record(key),
        None => CopyDeed::Head(after.arrival.head().map(|head| head.last).unwrap_or_default()),
    }
}

fn arrows(model: &FullSyncModel, state: &State, action: Action, next: &State) -> Vec<Arrow> {
    let arrow = |from, to, carries: String| {
        let carries = if carries.is_empty() { Vec::new() } else { vec![carries] };
        vec![Arrow { from, to, carries, left_in: None }]
    };
    let to_replica = |carries: String| arrow(Lane::Master, Lane::Replica, carries);
    match action {
        Action::Write(_) => arrow(Lane::Client, Lane::Master, String::new()),
        Action::Connect | Action::Ask => arrow(Lane::Replica, Lane::Master, String::new()),
        Action::Arrive => to_replica(match arrived(model, state, next) {
            CopyDeed::Head(lsn) => format!("head {lsn}"),
            CopyDeed::Record(key) => key.to_string(),
            CopyDeed::End => "end".to_owned(),
            _ => String::new(),
        }),
        Action::Stream => to_replica(end_of(model, next).unwrap_or_default().to_string()),
        Action::Deliver => to_replica(model.seen(next).to_string()),
        Action::Heartbeat => to_replica("hb".to_owned()),
        _ => Vec::new(),
    }
}

fn marks(action: Action) -> Vec<Mark> {
    let mark = |lane, sign| vec![Mark { lane, sign }];
    match action {
        Action::Crash => mark(Lane::Replica, Sign::Down),
        Action::Switch => mark(Lane::Replica, Sign::Up),
        Action::Snapshot => mark(Lane::Master, Sign::Publish),
        Action::Remove => mark(Lane::Master, Sign::Remove),
        _ => Vec::new(),
    }
}

/// Log, clocks and keys of a state. The caller adds the deed.
fn state_of(model: &FullSyncModel, state: &State) -> Step {
    let idle = |lane| Holds { lane, state: Holding::Idle, label: String::new() };
    let replica = match state.link {
        Link::Up | Link::Refused => Holding::Idle,
        Link::Copying(_) => Holding::Lies,
        Link::Down | Link::Stopped => Holding::Down,
    };
    let judged = ms_since(START, model.readers_judge_at(state));
    Step {
        log: model.log(state).from(state.first).iter().map(|entry| entry.lsn.to_string()).collect(),
        holds: vec![
            idle(Lane::Client),
            idle(Lane::Master),
            Holds { lane: Lane::Replica, state: replica, label: String::new() },
        ],
        clocks: (model.setup.passes_max > 0).then(|| Clocks {
            master_ms: ms_since(START, model.now(state)),
            // A copy without log time is judged by no instant.
            replica_ms: (judged >= 0).then_some(judged),
            estimated: false,
        }),
        keys: keys(model, state),
        broken: state.broken.of(model.invariants()),
        ..Step::default()
    }
}

fn keys(model: &FullSyncModel, state: &State) -> Vec<KeyRow> {
    let (master, replica) = (model.now(state), model.readers_judge_at(state));
    let instants = (model.setup.passes_max > 0).then_some(Instant { start: START, master, replica });
    let rows = key_rows(model.master_dump(state), model.shown(state.current), instants);
    rows.into_iter().map(|(_, row)| row).collect()
}

/// The invariants that the last step broke, each with the reason.
fn conclusion(model: &FullSyncModel, last: &State) -> Conclusion {
    let mut parts = Vec::new();
    let mut say = |index: usize, invariant, how: String| {
        if last.broken.has(index) {
            parts.push(Part::Broken { invariants: vec![invariant], how });
        }
    };
    let (seen, logged) = (model.seen(last), model.master(last).last());
    let how = match last.link {
        Link::Stopped => {
            format!("The replica stands at entry {seen} of {logged}, and does not connect again.")
        }
        _ if model.choice() == Choice::OldHistory => {
            "The master refuses the replica again and again, and each copy ends like this one.".to_owned()
        }
        _ => format!("The replica never comes to rest at entry {logged}."),
    };
    say(0, Invariant::Progress, how);
    let how = format!(
        "All through entry {logged} is applied, and the replica does not hold what the master holds."
    );
    say(1, Invariant::Convergence, how);
    let how = "The master had promised to keep its log for the copy, and refuses the replica.".to_owned();
    say(2, Invariant::Resume, how);
    let how = "This is neither the replica's old data nor a state that the master had since the reader's last read.";
    say(3, Invariant::PastRead, how.to_owned());
    if last.broken.has(3) {
        let sees = crate::invariant::visible(model.shown(last.current), model.readers_judge_at(last));
        let seen: Vec<String> = sees.iter().map(|(key, content)| format!("{key} = {content}")).collect();
        parts.push(Part::Sees(if seen.is_empty() { "no key".to_owned() } else { seen.join(", ") }));
    }
    Conclusion(parts)
}
