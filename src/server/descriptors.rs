//! Descriptors — how many files and sockets the process may hold open. Does I/O: the process's limit, `RLIMIT_NOFILE`.
//!
//! Each client takes one descriptor. If clients took all of them, the store could not open a file, and the node would end.
//! So the descriptors that store, log and links need are reserved, and fewer clients are accepted if the limit is low.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The limit of open files does not allow a single client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the open file limit of {limit} is not enough to start: raise it to at least {needed} (ulimit -n)")]
pub struct NotEnough {
    /// How many descriptors may be open.
    pub limit: u64,
    /// How many have to be.
    pub needed: u64,
}

/// Raises the limit, if possible, to `clients` descriptors plus `reserved` for everything else. Returns how many clients
/// the limit then allows: `clients`, or fewer, which is logged as in Redis. Errors: it allows none.
pub fn make_room(clients: u64, reserved: u64) -> Result<u64, NotEnough> {
    let limit = raise(clients.saturating_add(reserved));
    let allowed = allowed(clients, reserved, limit)?;
    if allowed < clients {
        tracing::warn!(
            requested = clients,
            maxclients = allowed,
            reserved,
            limit,
            "maxclients has been reduced to compensate for a low open file limit: raise that limit for more clients (ulimit -n)"
        );
    }
    Ok(allowed)
}

/// How many of `clients` fit into `limit` beside the `reserved` descriptors. Errors: none fits.
fn allowed(clients: u64, reserved: u64, limit: u64) -> Result<u64, NotEnough> {
    match limit.saturating_sub(reserved) {
        0 => Err(NotEnough { limit, needed: reserved.saturating_add(1) }),
        allowed => Ok(allowed.min(clients)),
    }
}

/// Raises the limit to `needed` if it is lower, or as far as it goes. Returns the limit after that; `u64::MAX`: there is
/// none.
fn raise(needed: u64) -> u64 {
    let before = getrlimit(Resource::Nofile);
    for step in steps(needed, before) {
        match setrlimit(Resource::Nofile, step) {
            Ok(()) => {
                let (from, to) = (before.current, step.current);
                tracing::info!(?from, ?to, "open file limit raised");
                break;
            }
            Err(error) => tracing::debug!(%error, to = ?step.current, "open file limit not raised"),
        }
    }
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// The limits to try, the best one first. A process that may not raise the hard limit can still raise its limit up to it. A
/// `None` in a limit means no limit.
fn steps(needed: u64, Rlimit { current, maximum }: Rlimit) -> Vec<Rlimit> {
    if current.is_none_or(|current| current >= needed) {
        return Vec::new();
    }
    let wanted = Rlimit { current: Some(needed), maximum: maximum.map(|maximum| maximum.max(needed)) };
    let within = maximum.filter(|&maximum| maximum < needed && Some(maximum) > current);
    let within = within.map(|maximum| Rlimit { current: Some(maximum), maximum: Some(maximum) });
    [Some(wanted), within].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_are_what_fits_beside_the_reserve() {
        let none = |limit, needed| Err(NotEnough { limit, needed });
        for (clients, reserved, limit, expected) in [
            (10_000, 700, 20_000, Ok(10_000)),
            (10_000, 700, 10_700, Ok(10_000)),
            (10_000, 700, 10_699, Ok(9_999)),
            (10_000, 700, 1024, Ok(324)),
            (10, 700, 701, Ok(1)),
            (10, 700, 700, none(700, 701)),
            (10, 700, 0, none(0, 701)),
            (10, 0, u64::MAX, Ok(10)),
        ] {
            assert_eq!(allowed(clients, reserved, limit), expected, "{clients} {reserved} {limit}");
        }
    }

    #[test]
    fn limit_is_raised_as_far_as_it_may_be() {
        let limit = |current, maximum| Rlimit { current, maximum };
        let cases = [
            // Enough, or no limit: nothing is done.
            (limit(Some(1024), Some(4096)), 1024, vec![]),
            (limit(None, None), 1024, vec![]),
            (limit(Some(1024), Some(4096)), 2000, vec![limit(Some(2000), Some(4096))]),
            (limit(Some(1024), None), 2000, vec![limit(Some(2000), None)]),
            // Only the superuser may exceed the hard limit.
            (
                limit(Some(1024), Some(4096)),
                9000,
                vec![limit(Some(9000), Some(9000)), limit(Some(4096), Some(4096))],
            ),
            (limit(Some(4096), Some(4096)), 9000, vec![limit(Some(9000), Some(9000))]),
        ];
        for (before, needed, expected) in cases {
            assert_eq!(steps(needed, before), expected, "{before:?} {needed}");
        }
    }

    #[test]
    fn more_clients_than_any_system_allows_are_reduced_and_few_are_not() {
        let most = make_room(u64::MAX / 2, 100).expect("a test may hold a hundred files open");
        assert!(most < u64::MAX / 2);
        assert_eq!(make_room(10, 100), Ok(10));
        assert!(make_room(1, u64::MAX / 2).is_err());
    }
}
