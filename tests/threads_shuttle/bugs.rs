//! Known bugs of the catalogue: shuttle finds each bug that is about threads, and no drawn schedule breaks its cure.

use super::explore::{explore, finds};
use crate::bugs::{Case, rows};

#[test]
fn finds_known_bugs_under_shuttle() {
    for (id, bug) in rows() {
        let case = Case::of(bug, bug.with);
        finds(id, &case.words(), move || case.run());
    }
}

#[test]
fn shuttle_cures_of_known_bugs_hold() {
    for (id, bug) in rows() {
        let case = Case::of(bug, bug.cure);
        explore(&format!("{id}, cured by {}", bug.cure.name()), move || case.run());
    }
}
