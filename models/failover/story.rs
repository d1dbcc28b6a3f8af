//! A path as a story.

use super::model::{Action, FailoverModel, Link, Node, Role, State};
use super::{CONTENTS, Fault, INVARIANTS, Promoted};
use crate::binlog::Lsn;
use crate::models::invariants::Invariant;
use crate::models::judged::Judged;
use crate::models::path;
use crate::models::scenario;
use crate::models::story::failover::{FailoverDeed, Refused};
use crate::models::story::handshake::NodeDeed;
use crate::models::story::{
    Arrow, Conclusion, Deed, Held, Holding, Holds, KeyRow, Lane, Logged, Mark, Narrate, Part, Sign, Step,
    Story,
};

impl Narrate for FailoverModel {
    fn story(&self, path: &[Action]) -> Story {
        tell(self, path)
    }
}

/// Tells the path that takes these actions. Panics: if the path does not exist.
fn tell(model: &FailoverModel, path: &[Action]) -> Story {
    let mut story = Story::default();
    let (start, steps) = path::steps(model, path);
    let last = path::end_of(start, &steps);
    for (state, action, next) in steps {
        let (lane, deed) = told(model, &state, action, &next);
        story.steps.push(Step {
            deed,
            lane: Some(lane),
            arrows: arrows(model, &state, action, &next),
            marks: marks(action),
            holds: Node::ALL.map(|node| holds(model, &next, node)).into(),
            keys: keys(model, &next),
            broken: next.broken.of(model.invariants()),
            ..Step::default()
        });
    }
    story.program = CONTENTS[..last.written()].iter().map(|&line| line.to_owned()).collect();
    story.keys = keys(model, &last);
    story.conclusion = conclusion(model, &last);
    story
}

fn lane_of(node: Node) -> Lane {
    Lane::Node(node.index())
}

/// The lane of a step, and its deed.
fn told(model: &FailoverModel, state: &State, action: Action, next: &State) -> (Lane, Deed) {
    let on = |node, deed| (lane_of(node), Deed::Failover(deed));
    let epoch = |node| (next.member(node).role == Role::Master).then(|| next.member(node).noted);
    let last = |node| model.log(next, node).last();
    match action {
        Action::Write(node) => {
            let lsn = last(node);
            let epoch = model.log(next, node).epoch_at(lsn).unwrap_or_default();
            let logged = Logged::On { node: node.index(), lsn, epoch, at_ms: 0 };
            let requests = scenario::requests(&CONTENTS[state.written()..=state.written()]);
            (Lane::Client, Deed::Send { requests, logged })
        }
        Action::Acknowledge(write) => {
            let super::Written::Acknowledged(node) = next.writes[write] else {
                unreachable!("it is acknowledged by a node")
            };
            on(node, FailoverDeed::Acknowledge(CONTENTS[write].to_owned()))
        }
        Action::Tell(node) => on(node, FailoverDeed::Tell(next.member(node).told)),
        Action::Receive(node) if next.member(node).link != Link::Up => {
            (lane_of(node), Deed::Node(NodeDeed::HangUp))
        }
        Action::Receive(node) => (lane_of(node), Deed::Node(NodeDeed::Receive(last(node)))),
        Action::Sync(node) => on(node, FailoverDeed::Sync(last(node))),
        Action::Connect(node) => (lane_of(node), connected(model, state, node)),
        Action::Kill(node) => on(node, FailoverDeed::Kill(epoch(node))),
        Action::LosePower(node) => {
            let (first, last) = (last(node).next(), model.log(state, node).last());
            on(node, FailoverDeed::LosePower { first, last, epoch: epoch(node) })
        }
        Action::Promote(node) => on(node, promoted(model, state, node, next)),
        Action::Follow(node) => on(node, FailoverDeed::Follow(state.current.index())),
    }
}

/// The deed of a promotion.
fn promoted(model: &FailoverModel, state: &State, node: Node, next: &State) -> FailoverDeed {
    let takes_along = matches!(model.choice().promoted(), Promoted::Newest | Promoted::Quorum);
    FailoverDeed::Promote {
        last: model.log(next, node).last(),
        epoch: next.member(node).noted,
        is_new: next.drawn > state.drawn,
        followed_by: takes_along.then(|| state.current.third(node).index()),
        waits: next.member(state.current).waits.then_some(state.current.index()),
    }
}

/// The deed of a hello and its answer.
fn connected(model: &FailoverModel, state: &State, node: Node) -> Deed {
    let master = state.master_of(node).unwrap_or(node);
    let (own, last) = (*state.member(node), model.log(state, node).last());
    match model.handshake(state.member(master), &own) {
        Ok(resume) => Deed::Node(NodeDeed::Connect { last, answer: Ok(resume.from) }),
        Err(refusal) => Deed::Failover(FailoverDeed::Refused {
            last,
            reply: refusal.to_string(),
            then: match model.choice().fault() {
                Some(Fault::NoCopy) => Refused::Stops,
                Some(Fault::EmptiedFirst) => Refused::Empties,
                _ => Refused::IsCopied(model.log(state, master).last()),
            },
        }),
    }
}

fn arrows(model: &FailoverModel, state: &State, action: Action, next: &State) -> Vec<Arrow> {
    let arrow = |from, to, lsn: Option<Lsn>| {
        let carries = lsn.iter().map(ToString::to_string).collect();
        vec![Arrow { from, to, carries, left_in: None }]
    };
    let master = |node| lane_of(state.master_of(node).unwrap_or(node));
    match action {
        Action::Write(node) => arrow(Lane::Client, lane_of(node), None),
        Action::Acknowledge(write) => match next.writes[write] {
            super::Written::Acknowledged(node) => arrow(lane_of(node), Lane::Client, None),
            _ => Vec::new(),
        },
        Action::Receive(node) => {
            let last = model.log(next, node).last();
            arrow(master(node), lane_of(node), Some(last))
        }
        Action::Connect(node) | Action::Tell(node) => arrow(lane_of(node), master(node), None),
        _ => Vec::new(),
    }
}

fn marks(action: Action) -> Vec<Mark> {
    match action {
        Action::Kill(node) | Action::LosePower(node) => vec![Mark { lane: lane_of(node), sign: Sign::Down }],
        Action::Promote(node) => vec![Mark { lane: lane_of(node), sign: Sign::Up }],
        _ => Vec::new(),
    }
}

/// The key of each entry in a node's log.
fn holds(model: &FailoverModel, state: &State, node: Node) -> Holds {
    let entries = model.log(state, node).from(Lsn::NONE);
    let label: String = entries.iter().filter_map(|entry| key_of(model, entry)).collect();
    let holding = if label.is_empty() { Holding::Idle } else { Holding::Lies };
    Holds { lane: lane_of(node), state: holding, label }
}

/// The key that an entry writes.
fn key_of(model: &FailoverModel, entry: &crate::binlog::Entry) -> Option<&'static str> {
    let write = model.contents.iter().position(|content| *content == entry.payload)?;
    CONTENTS[write].split(' ').nth(1)
}

/// The keys of the node that was promoted last, and of the node beside it that differs from it most: of one that follows it if
/// convergence is broken, or else of one that told a client of a write that is lost.
fn keys(model: &FailoverModel, state: &State) -> Vec<KeyRow> {
    let master = state.current;
    let Some(other) = beside(model, state) else { return Vec::new() };
    let [of_master, of_other] = [master, other].map(|node| model.log(state, node).from(Lsn::NONE));
    let held = |entries: &[crate::binlog::Entry], write: usize| {
        let is_there = entries.iter().any(|entry| entry.payload == model.contents[write]);
        let value = CONTENTS[write].split(' ').nth(2).unwrap_or_default();
        if is_there { Held::plain(format!("\"{value}\"")) } else { Held::default() }
    };
    let row = |write: usize| {
        let (master, replica) = (held(of_master, write), held(of_other, write));
        let key = CONTENTS[write].split(' ').nth(1).unwrap_or_default().to_owned();
        KeyRow { differs: master != replica, key, master, replica }
    };
    (0..state.written())
        .map(row)
        .filter(|row| row.master != Held::default() || row.replica != Held::default())
        .collect()
}

/// The node whose keys stand beside those of the last promoted one; `None`: none differs.
fn beside(model: &FailoverModel, state: &State) -> Option<Node> {
    let others = || Node::ALL.into_iter().filter(|node| *node != state.current);
    let converged = |node: &Node| model.has_all(state, *node) == Some(false);
    let differs = |node: &Node| state.member(*node).log != state.member(state.current).log;
    others().find(converged).or_else(|| others().find(differs))
}

/// The invariants that the last step broke, each with the reason.
fn conclusion(model: &FailoverModel, last: &State) -> Conclusion {
    let how = |invariant: Invariant| match invariant {
        Invariant::Durability => lost(model, last),
        Invariant::Convergence => {
            let parted = Node::ALL.into_iter().find(|&node| model.has_all(last, node) == Some(false));
            let name = lane_of(parted.unwrap_or(Node::A)).name();
            format!("All that its master has is applied on {name}, and its entries are not its master's.")
        }
        Invariant::Resume => {
            "The node's log is a beginning of its master's, and it is refused: it gets a whole copy."
                .to_owned()
        }
        _ => {
            let stands = Node::ALL.into_iter().find(|&node| model.stands(last, node));
            let [name, current] = [stands.unwrap_or(Node::A), last.current].map(|node| lane_of(node).name());
            format!("The log of {name} never reaches the end of that of {current}.")
        }
    };
    let broken = INVARIANTS.iter().enumerate().filter(|(index, _)| last.broken.has(*index));
    let part = |(_, &invariant): (usize, &Invariant)| Part::Broken {
        invariants: vec![invariant],
        how: how(invariant),
    };
    Conclusion(broken.map(part).collect())
}

/// The lost write, and the nodes that have it.
fn lost(model: &FailoverModel, last: &State) -> String {
    let Some(write) = model.lost(last) else { return String::new() };
    let holders = Node::ALL.into_iter().filter(|&node| model.place(last, node, write).is_some());
    let names: Vec<String> = holders.map(|node| lane_of(node).name()).collect();
    let held = if names.is_empty() {
        "no node has it".to_owned()
    } else {
        format!("only {} has it", names.join(" and "))
    };
    let held = if names.len() > 1 { held.replace("only ", "").replace(" has ", " have ") } else { held };
    let current = lane_of(last.current).name();
    format!(
        "{} was acknowledged, and {current}, which was promoted last, has no such entry; {held}.",
        CONTENTS[write]
    )
}
