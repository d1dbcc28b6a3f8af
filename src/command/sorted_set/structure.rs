//! Tests of the records of a sorted set: members are put and removed at random in small chunks, and after each effect all
//! records are checked against each other and against a sorted map. A failure names the seed.

use super::order::{Order, Shape};
use super::places::{Direction, Places, Scored, after, place};
use super::writer::Writer;
use crate::command::View;
use crate::command::random::Random;
use crate::effect::Effect;
use crate::store::element::{self, Score, tag};
use crate::store::memory::MemoryStore;
use crate::store::{Store, elements};
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};

const NAME: &[u8] = b"z";

type Model = BTreeMap<Vec<u8>, Score>;

/// The events that a run must contain, so that it tests what it should.
#[derive(Debug, Default)]
struct Seen {
    splits: usize,
    merges: usize,
    emptied: usize,
}

/// One sorted set, and what it should be.
struct Run {
    store: MemoryStore,
    model: Model,
    random: Random,
    chunk: u64,
    lsn: u64,
}

impl Run {
    fn new(seed: u64, chunk: u64) -> Run {
        Run { store: MemoryStore::new(), model: Model::new(), random: Random::new(seed), chunk, lsn: 0 }
    }

    fn view(&self) -> View<'_> {
        View::new(&self.store, 0, Millis(1000)).with_incarnation(self.lsn + 1)
    }

    fn writer(&self) -> Writer<'_> {
        Writer::open(&self.view(), NAME).expect("a sorted set").with_chunk(self.chunk)
    }

    fn shape(&self) -> Option<Shape> {
        Shape::open(&self.view(), NAME).expect("a sorted set").map(|(shape, _)| shape)
    }

    fn order(&self) -> Option<Order<'_>> {
        let view = self.view();
        self.shape().map(|shape| Order::of(&view, view.key(NAME), shape, self.chunk))
    }

    fn score(&mut self) -> Score {
        let scores = [f64::NEG_INFINITY, -7.5, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, 1e300, f64::INFINITY];
        Score::new(scores[self.random.below(scores.len())]).expect("a number")
    }

    fn member(&mut self) -> Vec<u8> {
        match self.random.below(60) {
            0 => Vec::new(),
            1 => vec![0],
            2 => vec![255; 3],
            number => format!("m{number}").into_bytes(),
        }
    }

    /// Applies an effect, twice.
    fn apply(&mut self, effect: &Effect) {
        self.store.write(&effect.writes).expect("a store in memory does not fail");
        let once = self.store.clone();
        self.store.write(&effect.writes).expect("a store in memory does not fail");
        assert_eq!(self.store, once, "the effect is absolute");
        self.lsn += u64::from(!effect.is_empty());
    }

    /// One command: some members are put or removed, or a part of the order is removed. Of ten changes, `growth` put a member.
    fn step(&mut self, growth: usize) {
        let mut model = std::mem::take(&mut self.model);
        let changes: Vec<(bool, Vec<u8>, Score)> = (0..1 + self.random.below(6))
            .map(|_| (self.random.below(10) < growth, self.member(), self.score()))
            .collect();
        let removes_range = self.random.below(12) == 0;
        let first = if self.random.below(2) == 0 { 0 } else { self.random.below(60) as u64 };
        let number = self.random.below(if growth > 5 { 12 } else { 70 }) as u64;
        let mut writer = self.writer();
        if let (true, Some(order)) = (removes_range, writer.order()) {
            let places = order.skip(Places::all(), Direction::Up, first).expect("places");
            let members = order.members(&places, Direction::Up, number).expect("members");
            writer.remove_all(&members).expect("it removes");
            for scored in &members {
                model.remove(&scored.member);
            }
        } else {
            for (puts, member, score) in changes {
                let old = writer.score(&member).expect("a score");
                assert_eq!(old, model.get(&member).copied());
                if puts {
                    writer.put(&member, old, score).expect("it puts");
                    model.insert(member, score);
                } else if let Some(old) = old {
                    writer.remove(&member, old).expect("it removes");
                    model.remove(&member);
                }
            }
        }
        let effect = writer.finish().expect("an effect");
        self.model = model;
        self.apply(&effect);
    }

    /// The members as the model has them, in order.
    fn expected(&self) -> Vec<Scored> {
        let scored = |(member, score): (&Vec<u8>, &Score)| Scored { score: *score, member: member.clone() };
        self.model.iter().map(scored).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Checks that all records agree, and returns the places of the counting records.
    fn check_records(&self) -> BTreeSet<Vec<u8>> {
        let expected = self.expected();
        let Some(Shape { collection, has_counts }) = self.shape() else {
            assert!(expected.is_empty() && self.store.iter().next().is_none(), "nothing is left");
            return BTreeSet::new();
        };
        assert_eq!(collection.count, expected.len() as u64, "the number of members");
        let (mut members, mut places, mut counts) = (BTreeSet::new(), Vec::new(), Vec::new());
        for (name, value) in
            elements(&self.store, &self.view().key(NAME), collection.incarnation).expect("elements")
        {
            match name[0] {
                tag::MEMBER => {
                    let score = Score::from_bytes(&value).expect("a score");
                    assert!(members.insert(Scored { score, member: name[1..].to_vec() }));
                }
                tag::BY_SCORE => {
                    assert!(value.is_empty() && element::scored(&name).is_some());
                    places.push(name[1..].to_vec());
                }
                tag::COUNT => {
                    let number = u64::from_be_bytes(value.try_into().expect("eight bytes"));
                    counts.push((name[1..].to_vec(), number));
                }
                other => panic!("a record of kind {other}"),
            }
        }
        assert!(members.iter().eq(expected.iter()), "members: {members:?}, not {expected:?}");
        assert!(places.iter().cloned().eq(expected.iter().map(Scored::place)), "the order of the scores");
        self.check_counts(has_counts, &places, &counts);
        counts.into_iter().map(|(at, _)| at).collect()
    }

    fn check_counts(&self, has_counts: bool, places: &[Vec<u8>], counts: &[(Vec<u8>, u64)]) {
        if !has_counts {
            assert!(counts.is_empty() && places.len() as u64 <= self.chunk, "a small set is not counted");
            return;
        }
        let lowest = Score::new(f64::NEG_INFINITY).expect("a number");
        assert_eq!(counts[0].0, place(lowest, b""), "the first counting record is before every member");
        for (number, (at, count)) in counts.iter().enumerate() {
            let next = counts.get(number + 1).map(|(next, _)| next);
            let inside = places.iter().filter(|place| *place >= at && next.is_none_or(|next| *place < next));
            assert_eq!(inside.count() as u64, *count, "members from {at:?} to {next:?}");
            assert!((1..=2 * self.chunk).contains(count), "a chunk of {count} members");
        }
        let small = |count: u64| count <= self.chunk / 4;
        let pair = counts.windows(2).find(|pair| small(pair[0].1) && small(pair[1].1));
        assert!(pair.is_none(), "two small neighbours: {pair:?}");
    }

    /// Checks what readers are told.
    fn check_reads(&mut self) {
        let expected = self.expected();
        let ends: Vec<(Score, Vec<u8>)> = (0..2).map(|_| (self.score(), self.member())).collect();
        let skipped = self.random.below(60);
        let Some(order) = self.order() else { return };
        for (rank, scored) in expected.iter().enumerate() {
            let rank = rank as u64;
            assert_eq!(order.rank(&scored.place()).expect("a rank"), rank, "rank of {scored:?}");
            assert_eq!(order.rank(&after(&scored.place())).expect("a rank"), rank + 1);
            assert_eq!(order.at_rank(rank).expect("a member").as_ref(), Some(scored), "at rank {rank}");
            assert_eq!(order.score(&scored.member).expect("a score"), Some(scored.score));
        }
        assert_eq!(order.at_rank(expected.len() as u64).expect("no member"), None);
        let ranks: Vec<u64> = (0..expected.len() as u64).filter(|rank| rank % 3 == 1).collect();
        let some: Vec<Scored> = expected.iter().skip(1).step_by(3).cloned().collect();
        assert_eq!(order.at_ranks(&ranks).expect("members"), some);
        let places = Places { from: place(ends[0].0, &ends[0].1), to: place(ends[1].0, &ends[1].1) };
        let mut inside: Vec<Scored> = expected
            .iter()
            .filter(|scored| (places.from.clone()..places.to.clone()).contains(&scored.place()))
            .cloned()
            .collect();
        assert_eq!(order.count_at(&places).expect("a number"), inside.len() as u64);
        for direction in [Direction::Up, Direction::Down] {
            let rest = order.skip(places.clone(), direction, skipped as u64).expect("places");
            let rest = order.members(&rest, direction, 5).expect("members");
            let expected: Vec<Scored> = inside.iter().skip(skipped).take(5).cloned().collect();
            assert_eq!(rest, expected, "{direction:?}, {skipped} skipped");
            inside.reverse();
        }
    }
}

#[test]
fn prop_records_of_a_sorted_set_agree_after_every_effect() {
    let mut seen = Seen::default();
    for seed in 0..12 {
        for chunk in [1, 2, 4, 8] {
            let mut run = Run::new(seed, chunk);
            let mut before = BTreeSet::new();
            for step in 0..150 {
                println!("seed {seed}, chunks of {chunk}, step {step}");
                // The set grows, shrinks, grows again, and so on.
                run.step(if step / 25 % 2 == 0 { 9 } else { 1 });
                let counts = run.check_records();
                if step % 5 == 0 {
                    run.check_reads();
                }
                seen.splits += counts.difference(&before).count();
                seen.merges += before.difference(&counts).filter(|_| !counts.is_empty()).count();
                seen.emptied += usize::from(counts.is_empty() && !before.is_empty());
                before = counts;
            }
        }
    }
    assert!(seen.splits > 50 && seen.merges > 50 && seen.emptied > 5, "{seen:?}");
}
