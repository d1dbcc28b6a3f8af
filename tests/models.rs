//! The models: verdicts and state counts of the quick bounds, README's tables, and what the search relies on.

mod models {
    mod quick;
    mod search;
}
