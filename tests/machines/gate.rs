//! The gate of compaction: its invariants after any steps.

use crate::property::properties;
use replicheck::store::gate::Gate;
use replicheck::time::Millis;

/// Whether the invariants hold after any steps: (0, t) raises, (1, t) enters, (other, t) leaves.
fn keeps_its_promises(steps: Vec<(u8, u8)>) -> bool {
    let (mut gate, mut highest, mut readers) = (Gate::new(), Millis::ZERO, Vec::new());
    steps.into_iter().all(|(step, time)| {
        let (before, clock) = (gate.at(), Millis(u64::from(time)));
        match step % 3 {
            0 => {
                gate.raise(clock);
                highest = highest.max(clock);
            }
            1 if gate.enter(clock) => readers.push(clock),
            1 => assert!(clock < before),
            _ if readers.is_empty() => {}
            _ => gate.leave(readers.swap_remove(usize::from(time) % readers.len())),
        }
        let expected = readers.iter().copied().fold(highest, Millis::min);
        gate.at() == expected && gate.at() >= before
    })
}

properties! {
    fn prop_gate_never_goes_back_nor_beyond_limit_and_readers(steps: Vec<(u8, u8)>) -> bool {
        keeps_its_promises(steps)
    }
}
