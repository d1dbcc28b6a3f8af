//! Tests of the records of a sorted set: members are put and removed at random in small chunks and blocks, and after each effect
//! all records are checked against each other and against a sorted map. A failure names the seed.

use super::level::{Level, Part, Sizes};
use super::order::{Order, Shape};
use super::places::{Direction, Places, Scored, after, place};
use super::writer::Writer;
use crate::command::View;
use crate::command::random::Random;
use crate::effect::{Effect, Key};
use crate::store::element::{self, Score, tag};
use crate::store::memory::MemoryStore;
use crate::store::record::Levels;
use crate::store::{Store, elements};
use crate::time::Millis;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

const NAME: &[u8] = b"z";
/// Number of different members, and more than that of a set.
const MEMBERS: usize = 200;

type Model = BTreeMap<Vec<u8>, Score>;

/// The events that a run must contain, so that it tests what it should.
#[derive(Debug, Default)]
struct Seen {
    splits: [usize; 2],
    merges: [usize; 2],
    emptied: [usize; 2],
}

impl Seen {
    /// Notes what has changed at a level: the places of its parts before and after.
    fn note(&mut self, level: Level, before: &BTreeSet<Vec<u8>>, after: &BTreeSet<Vec<u8>>) {
        let at = level as usize;
        self.splits[at] += after.difference(before).count();
        self.merges[at] += before.difference(after).filter(|_| !after.is_empty()).count();
        self.emptied[at] += usize::from(after.is_empty() && !before.is_empty());
    }
}

/// The counting records of a set.
#[derive(Default)]
pub(super) struct Counted {
    chunks: Vec<Part>,
    blocks: Vec<Part>,
}

impl Counted {
    fn at(&self, level: Level) -> &[Part] {
        match level {
            Level::Chunks => &self.chunks,
            Level::Blocks => &self.blocks,
        }
    }

    fn places(&self, level: Level) -> BTreeSet<Vec<u8>> {
        self.at(level).iter().map(|part| part.at.clone()).collect()
    }

    /// Checks all counting records of a set that has members at `places`; its parts are at most twice as large as `sizes`.
    pub(super) fn check(&self, levels: Levels, places: &[Vec<u8>], sizes: Sizes) {
        let count = places.len() as u64;
        let limit = match levels {
            Levels::Zero => sizes.chunk,
            Levels::One => 2 * sizes.block,
            Levels::Two => u64::MAX,
        };
        assert!(count <= limit, "a set of {count} members has {levels:?} levels");
        for level in [Level::Chunks, Level::Blocks] {
            if Level::of(levels).contains(&level) {
                self.check_level(level, places, sizes.at(level));
            } else {
                assert!(self.at(level).is_empty(), "{level:?} of a set that has {levels:?} levels");
            }
        }
        let (chunks, blocks) = (self.places(Level::Chunks), self.places(Level::Blocks));
        assert!(blocks.is_subset(&chunks), "a block begins where no chunk does: {blocks:?}, {chunks:?}");
    }

    fn check_level(&self, level: Level, places: &[Vec<u8>], size: u64) {
        let parts = self.at(level);
        let lowest = Score::new(f64::NEG_INFINITY).expect("a number");
        assert_eq!(parts[0].at, place(lowest, b""), "the first counting record is before every member");
        for (number, Part { at, count }) in parts.iter().enumerate() {
            let index = |place: &Vec<u8>| places.partition_point(|member| member < place);
            let next = parts.get(number + 1).map(|next| &next.at);
            let inside = next.map_or(places.len(), index) - index(at);
            assert_eq!(inside as u64, *count, "members of {level:?} from {at:?} to {next:?}");
            assert!((1..=2 * size).contains(count), "{level:?}: a part of {count} members");
        }
    }

    /// The neighbours at a level that both have at most a quarter of its size: those in one block, and those in two.
    fn small_neighbours(&self, level: Level, sizes: Sizes) -> (usize, usize) {
        let is_small = |part: &Part| part.count <= sizes.at(level) / 4;
        let pairs = self.at(level).windows(2).filter(|pair| is_small(&pair[0]) && is_small(&pair[1]));
        let blocks = self.places(Level::Blocks);
        let (apart, together): (Vec<&[Part]>, Vec<&[Part]>) =
            pairs.partition(|pair| level == Level::Chunks && blocks.contains(&pair[1].at));
        (together.len(), apart.len())
    }
}

/// One sorted set, and what it should be.
struct Run {
    store: MemoryStore,
    model: Model,
    random: Random,
    sizes: Sizes,
    lsn: u64,
}

impl Run {
    fn new(seed: u64, sizes: Sizes) -> Run {
        Run { store: MemoryStore::new(), model: Model::new(), random: Random::new(seed), sizes, lsn: 0 }
    }

    fn view(&self) -> View<'_> {
        View::new(&self.store, 0, Millis(1000)).with_incarnation(self.lsn + 1)
    }

    fn writer(&self) -> Writer<'_> {
        Writer::open(&self.view(), NAME).expect("a sorted set").with_sizes(self.sizes)
    }

    fn shape(&self) -> Option<Shape> {
        Shape::open(&self.view(), NAME).expect("a sorted set").map(|(shape, _)| shape)
    }

    /// The set as it is read: by all of its levels, and by fewer of them.
    fn orders(&self) -> Vec<Order<'_>> {
        let (view, Some(stored)) = (self.view(), self.shape()) else { return Vec::new() };
        let levels = [Levels::Zero, Levels::One, Levels::Two].into_iter();
        let levels = levels.filter(|levels| *levels <= stored.levels);
        let shapes = levels.map(|levels| Shape { levels, ..stored });
        shapes.map(|shape| Order::of(&view, view.key(NAME), shape, self.sizes)).collect()
    }

    fn score(&mut self) -> Score {
        let scores = [f64::NEG_INFINITY, -7.5, -1.0, -0.0, 0.0, 0.5, 1.0, 2.0, 3.0, 1e300, f64::INFINITY];
        Score::new(scores[self.random.below(scores.len())]).expect("a number")
    }

    fn member(&mut self) -> Vec<u8> {
        match self.random.below(MEMBERS) {
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

    /// Puts members whose scores are these numbers, one after the other.
    fn put(&mut self, numbers: Range<u32>) {
        let mut writer = self.writer();
        let members: Vec<Scored> = numbers.map(numbered).collect();
        for Scored { score, member } in &members {
            writer.put(member, None, *score).expect("it puts");
        }
        let effect = writer.finish().expect("an effect");
        self.model.extend(members.into_iter().map(|Scored { score, member }| (member, score)));
        self.apply(&effect);
    }

    /// Removes members that [`Run::put`] put, one after the other.
    fn remove(&mut self, numbers: Range<u32>) {
        let mut writer = self.writer();
        let members: Vec<Scored> = numbers.map(numbered).collect();
        for Scored { score, member } in &members {
            writer.remove(member, *score).expect("it removes");
        }
        let effect = writer.finish().expect("an effect");
        self.model.retain(|member, _| members.iter().all(|removed| removed.member != *member));
        self.apply(&effect);
    }

    /// The members as the model has them, in order.
    fn expected(&self) -> Vec<Scored> {
        let scored = |(member, score): (&Vec<u8>, &Score)| Scored { score: *score, member: member.clone() };
        self.model.iter().map(scored).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Checks that all records agree, and returns the counting records.
    fn check_records(&self, largest: Sizes) -> Counted {
        let expected = self.expected();
        let Some(Shape { collection, levels }) = self.shape() else {
            assert!(expected.is_empty() && self.store.iter().next().is_none(), "nothing is left");
            return Counted::default();
        };
        assert_eq!(collection.count, expected.len() as u64, "the number of members");
        let (members, places, counted) = records(&self.store, &self.view().key(NAME), collection.incarnation);
        assert!(members.iter().eq(expected.iter()), "members: {members:?}, not {expected:?}");
        assert!(places.iter().cloned().eq(expected.iter().map(Scored::place)), "the order of the scores");
        counted.check(levels, &places, largest);
        counted
    }

    /// Checks what readers are told.
    fn check_reads(&mut self) {
        let expected = self.expected();
        let ends: Vec<(Score, Vec<u8>)> = (0..2).map(|_| (self.score(), self.member())).collect();
        let skipped = self.random.below(60);
        let places = Places { from: place(ends[0].0, &ends[0].1), to: place(ends[1].0, &ends[1].1) };
        for order in self.orders() {
            check_ranks(&order, &expected);
            check_ranges(&order, &expected, &places, skipped);
        }
    }
}

/// The member that is a number, with that score.
fn numbered(number: u32) -> Scored {
    let score = Score::new(f64::from(number)).expect("a number");
    Scored { score, member: number.to_string().into_bytes() }
}

/// Checks ranks, and members by rank.
fn check_ranks(order: &Order<'_>, expected: &[Scored]) {
    for (rank, scored) in expected.iter().enumerate() {
        let rank = rank as u64;
        assert_eq!(order.rank(&scored.place()).expect("a rank"), rank, "rank of {scored:?}");
        assert_eq!(order.rank(&after(&scored.place())).expect("a rank"), rank + 1);
        assert_eq!(order.at_rank(rank).expect("a member").as_ref(), Some(scored), "at rank {rank}");
        assert_eq!(order.score(&scored.member).expect("a score"), Some(scored.score));
    }
    assert_eq!(order.at_rank(expected.len() as u64).expect("no member"), None);
    for step in [1, 3, 20] {
        let ranks: Vec<u64> = (0..expected.len() as u64).skip(1).step_by(step).collect();
        let some: Vec<Scored> = expected.iter().skip(1).step_by(step).cloned().collect();
        assert_eq!(order.at_ranks(&ranks).expect("members"), some, "each member {step} after the one before");
    }
}

/// Checks the members at `places`.
fn check_ranges(order: &Order<'_>, expected: &[Scored], places: &Places, skipped: usize) {
    let is_inside = |scored: &&Scored| (places.from.clone()..places.to.clone()).contains(&scored.place());
    let mut inside: Vec<Scored> = expected.iter().filter(is_inside).cloned().collect();
    assert_eq!(order.count_at(places).expect("a number"), inside.len() as u64);
    for direction in [Direction::Up, Direction::Down] {
        let rest = order.skip(places.clone(), direction, skipped as u64).expect("places");
        let rest = order.members(&rest, direction, 5).expect("members");
        let expected: Vec<Scored> = inside.iter().skip(skipped).take(5).cloned().collect();
        assert_eq!(rest, expected, "{direction:?}, {skipped} skipped");
        inside.reverse();
    }
}

/// The members of a set, their places in the order of the scores, and its counting records.
pub(super) fn records(
    store: &MemoryStore,
    key: &Key,
    incarnation: u64,
) -> (BTreeSet<Scored>, Vec<Vec<u8>>, Counted) {
    let (mut members, mut places, mut counted) = (BTreeSet::new(), Vec::new(), Counted::default());
    for (name, value) in elements(store, key, incarnation).expect("elements") {
        let at = name[1..].to_vec();
        let count = || u64::from_be_bytes(value[..].try_into().expect("eight bytes"));
        match name[0] {
            tag::MEMBER => {
                let score = Score::from_bytes(&value).expect("a score");
                assert!(members.insert(Scored { score, member: at }));
            }
            tag::BY_SCORE => {
                assert!(value.is_empty() && element::scored(&name).is_some());
                places.push(at);
            }
            tag::COUNT => counted.chunks.push(Part { at, count: count() }),
            tag::BLOCK => counted.blocks.push(Part { at, count: count() }),
            other => panic!("a record of kind {other}"),
        }
    }
    (members, places, counted)
}

#[test]
fn prop_records_of_a_sorted_set_agree_after_every_effect() {
    let mut seen = Seen::default();
    for seed in 0..12 {
        for (chunk, block) in [(1, 4), (2, 8), (4, 16), (8, 32)] {
            let mut run = Run::new(seed, Sizes { chunk, block });
            let mut before = Counted::default();
            for step in 0..240 {
                println!("seed {seed}, chunks of {chunk}, blocks of {block}, step {step}");
                // The set grows, shrinks, grows again, and so on.
                run.step(if step / 40 % 2 == 0 { 9 } else { 1 });
                let counted = run.check_records(run.sizes);
                if step % 5 == 0 {
                    run.check_reads();
                }
                for level in [Level::Chunks, Level::Blocks] {
                    seen.note(level, &before.places(level), &counted.places(level));
                    let (together, _) = counted.small_neighbours(level, run.sizes);
                    assert_eq!(together, 0, "two small neighbours: {:?}", counted.at(level));
                }
                before = counted;
            }
        }
    }
    assert!(seen.splits.iter().chain(&seen.merges).all(|number| *number > 50), "{seen:?}");
    assert!(seen.emptied.iter().all(|number| *number > 5), "{seen:?}");
}

#[test]
fn small_chunks_of_two_blocks_are_merged_when_the_blocks_are() {
    let mut run = Run::new(0, Sizes { chunk: 4, block: 16 });
    run.put(0..33);
    let counts = |run: &Run| {
        let counted = run.check_records(run.sizes);
        let counts = |level| counted.at(level).iter().map(|part| part.count).collect::<Vec<_>>();
        let pairs = counted.small_neighbours(Level::Chunks, run.sizes);
        (counts(Level::Blocks), counts(Level::Chunks), pairs)
    };
    assert_eq!(counts(&run), (vec![16, 17], vec![4, 4, 4, 4, 4, 4, 4, 5], (0, 0)));
    for (removed, expected) in [
        (13..16, (vec![13, 17], vec![4, 4, 4, 1, 4, 4, 4, 5], (0, 0))),
        (17..20, (vec![13, 14], vec![4, 4, 4, 1, 1, 4, 4, 5], (0, 1))),
        (0..1, (vec![12, 14], vec![3, 4, 4, 1, 1, 4, 4, 5], (0, 1))),
        (24..33, (vec![12, 5], vec![3, 4, 4, 1, 1, 4], (0, 1))),
        // The second block is small now. Its first chunk does not have the removed member, and is merged all the same.
        (23..24, (vec![16], vec![3, 4, 4, 2, 3], (0, 0))),
    ] {
        run.remove(removed.clone());
        assert_eq!(counts(&run), expected, "after {removed:?} were removed");
    }
}

#[test]
fn prop_records_of_a_set_of_an_earlier_build_agree_after_every_effect() {
    let (mut built, mut shrunk) = (0, 0);
    for seed in 0..24 {
        // Earlier builds had larger chunks, and no blocks.
        let earlier = Sizes { chunk: 8, block: u64::MAX / 2 };
        let mut run = Run::new(seed, earlier);
        let mut of_earlier = 0;
        for step in 0..100 {
            println!("seed {seed}, step {step}");
            if step == 50 {
                run.check_reads();
                run.sizes = Sizes { chunk: 2, block: 32 };
                of_earlier = run.lsn;
            }
            run.step(if step < 60 { 9 } else { 1 });
            let is_written = step >= 50 && run.lsn > of_earlier;
            let block = if is_written { run.sizes.block } else { earlier.block };
            // Chunks that were not written have the size of the earlier build.
            let counted = run.check_records(Sizes { block, ..earlier });
            assert!(is_written || counted.blocks.is_empty(), "an earlier build has no blocks");
            built += usize::from(is_written && run.lsn == of_earlier + 1 && !counted.blocks.is_empty());
            shrunk += usize::from(step > 60 && counted.blocks.len() == 1);
            if step % 5 == 0 {
                run.check_reads();
            }
        }
    }
    assert!(built > 10 && shrunk > 10, "{built} sets got blocks, {shrunk} times there was one block");
}
