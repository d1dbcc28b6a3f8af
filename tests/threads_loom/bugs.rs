//! Known bugs of the catalogue: loom finds each bug that is about threads, and no interleaving breaks its cure.

use super::explore::{explore, finds};
use crate::bugs::{Case, rows};

#[test]
fn finds_known_bugs_under_loom() {
    for (id, bug) in rows() {
        let case = Case::of(bug, bug.with);
        finds(id, &case.words(), None, move || case.run());
    }
}

#[test]
fn loom_cures_of_known_bugs_hold() {
    for (id, bug) in rows() {
        let case = Case::of(bug, bug.cure);
        explore(&format!("{id}, cured by {}", bug.cure.name()), None, move || case.run());
    }
}
