//! The dispatcher: each of its calls is a run of steps that the ordering model has, so the dispatcher's preferences are part of
//! what the model explores.
//!
//! ```text
//! call               steps of the model
//! admit, settle      admit, take …
//! begin              begin, if the worker has a job
//! wrote              write
//! finish, settle     finish, publish if due, take …
//! cut                cut, publish if due; without new entries: no step
//! ```

use replicheck::apply::Worker;
use replicheck::apply::pool::dispatch::{Batch, Dispatch, Next};
use replicheck::apply::pool::{Limits, Schedule};
use replicheck::binlog::Lsn;
use replicheck::expiry::Policy;
use replicheck::models::ordering::{Control, Move, ProgramIndex, Programs, started};
use replicheck::models::scenario::requests;
use replicheck::ordering::{AnyStrategy, Job, OrderingStrategy as _, Reads, Strategy};
use std::collections::HashSet;
use std::sync::Arc;

const LIMITS: Limits = Limits { entries_max: 100, bytes_max: 100 };
const WORKERS: usize = 2;

type Model = Control<AnyStrategy>;

#[derive(Clone)]
struct Pool {
    dispatch: Dispatch<AnyStrategy>,
    /// The batch that each worker is writing.
    hands: Vec<Option<Batch>>,
}

/// The model after these moves, and after further takes until its workers are in the same states as those of the pool.
fn followed(model: &Model, moves: &[Move], pool: &Pool) -> Option<Model> {
    let Some((first, rest)) = moves.split_first() else { return after_takes(model, pool) };
    let (_, next, _) = model.moves(false).into_iter().find(|(possible, _, _)| possible == first)?;
    followed(&next, rest, pool)
}

fn after_takes(model: &Model, pool: &Pool) -> Option<Model> {
    if model.applier == *pool.dispatch.applier() {
        return Some(model.clone());
    }
    let takes = model.moves(false).into_iter().filter(|(step, _, _)| matches!(step, Move::Take(_)));
    takes.into_iter().find_map(|(_, next, _)| after_takes(&next, pool))
}

struct Explored<'a> {
    programs: &'a Programs,
    place: ProgramIndex,
    strategy: Strategy,
    seen: HashSet<Model>,
    calls: usize,
}

impl Explored<'_> {
    /// Makes every possible call from this state on, recursively.
    fn explore(&mut self, pool: &Pool, model: &Model) {
        if !self.seen.insert(model.clone()) {
            return;
        }
        self.admit(pool, model);
        for worker in 0..WORKERS {
            self.go_on(pool, model, worker);
        }
        self.cut(pool, model);
    }

    fn reached(&mut self, call: &str, pool: &Pool, model: Option<Model>) {
        self.calls += 1;
        let log: Vec<String> = self.programs.requests(self.place).map(ToString::to_string).collect();
        let applier = pool.dispatch.applier();
        let model = model.unwrap_or_else(|| {
            panic!(
                "{}, {log:?}: the call {call} is not a run of steps of the model: {applier:?}",
                self.strategy.name()
            )
        });
        self.explore(pool, &model);
    }

    fn admit(&mut self, pool: &Pool, model: &Model) {
        let next = pool.dispatch.applier().admitted().next();
        if next > self.programs.length(self.place) || pool.dispatch.admits(1) != Ok(true) {
            return;
        }
        let (entry, admission) = self.programs.entry(self.place, next).clone();
        let mut pool = pool.clone();
        pool.dispatch.admit(Arc::new(entry), 1).expect("no strategy refuses an effect");
        pool.dispatch.settle(None);
        let admitted =
            model.admit(&admission).expect("the model admits").expect("no strategy refuses an effect");
        let model = followed(&admitted, &[], &pool);
        self.reached("admit", &pool, model);
    }

    fn go_on(&mut self, pool: &Pool, model: &Model, worker: usize) {
        let number = u8::try_from(worker).expect("few workers");
        let mut pool = pool.clone();
        if let Some(batch) = pool.hands[worker].take() {
            pool.dispatch.wrote(worker, batch.entries);
            let model = followed(model, &[Move::Write(number)], &pool);
            return self.reached("wrote", &pool, model);
        }
        match pool.dispatch.begin(worker) {
            Next::Wait => {}
            Next::End => panic!("the pool was not closed"),
            Next::Write(batch) => {
                let written = Worker::Writing(model_job(model, worker), batch.marker);
                assert_eq!(pool.dispatch.applier().workers()[worker], written);
                pool.hands[worker] = Some(batch);
                let model = followed(model, &[Move::Begin(number)], &pool);
                self.reached("begin", &pool, model);
            }
            Next::Finish => {
                let due = pool.dispatch.finish(worker);
                let mut moves = vec![Move::Finish(number)];
                if due.is_some() {
                    pool.dispatch.published();
                }
                if due.is_some() && pool.dispatch.applier().ordering().reads() == Reads::Published {
                    moves.push(Move::Publish);
                }
                pool.dispatch.settle(Some(worker));
                let model = followed(model, &moves, &pool);
                self.reached("finish", &pool, model);
            }
        }
    }

    fn cut(&mut self, pool: &Pool, model: &Model) {
        let mut pool = pool.clone();
        let due = pool.dispatch.cut();
        if due.is_some() {
            pool.dispatch.published();
        }
        pool.dispatch.settle(None);
        if model.applier == *pool.dispatch.applier() {
            return;
        }
        let moves = if due.is_some() { &[Move::Cut, Move::Publish][..] } else { &[Move::Cut] };
        let model = followed(model, moves, &pool);
        self.reached("cut", &pool, model);
    }
}

fn model_job(model: &Model, worker: usize) -> Job {
    model.applier.workers()[worker].job().cloned().expect("it has one")
}

#[test]
fn dispatcher_each_call_is_a_run_of_steps_of_the_model() {
    let alphabet = requests(&["SET a 1", "SET c 1", "MSET a 3 c 3", "FLUSHDB"]);
    let programs = Programs::every(&alphabet, 4, &*Policy::Effects.get()).expect("short programs");
    let (mut calls, mut states) = (0, 0);
    for strategy in Strategy::ALL {
        for batch in [1, 2] {
            for place in (0..programs.len()).map(|place| u16::try_from(place).expect("few programs")) {
                // A longer program includes the calls of a shorter one.
                if programs.length(place).0 < 4 {
                    continue;
                }
                let model = Control::new(
                    strategy.machine(WORKERS, batch),
                    WORKERS,
                    started(Lsn::NONE, None),
                    Lsn::NONE,
                    true,
                );
                let pool = Pool {
                    dispatch: Dispatch::new(model.applier.clone(), LIMITS, Schedule::Free),
                    hands: vec![None; WORKERS],
                };
                let mut explored = Explored {
                    programs: &programs,
                    place,
                    strategy: *strategy,
                    seen: HashSet::new(),
                    calls: 0,
                };
                explored.explore(&pool, &model);
                calls += explored.calls;
                states += explored.seen.len();
            }
        }
    }
    println!("{calls} calls of the dispatcher from {states} states");
    assert!(calls > 100_000, "{calls}");
}
