//! The models: verdicts and state counts of the quick bounds, README's tables, what the search relies on, and faults
//! that it must find.

mod models {
    mod catalogue;
    mod mutants;
    mod quick;
    mod search;
    mod walk;
}
