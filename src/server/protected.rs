//! Protected mode — decides which connections are refused, because there is no password. Pure.

use std::net::IpAddr;

/// The text that a refused peer receives. It is Redis's text, reduced to the solutions that this program has.
pub(super) const REFUSAL: &str = "-DENIED Redis is running in protected mode because protected mode is enabled and no \
    password is set for the default user. In this mode connections are only accepted from the loopback interface. If you \
    want to connect from external computers to Redis you may adopt one of the following solutions: 1) Just disable \
    protected mode sending the command 'CONFIG SET protected-mode no' from the loopback interface by connecting to Redis \
    from the same host the server is running, however MAKE SURE Redis is not publicly accessible from internet if you do \
    so. 2) Alternatively restart it with the '--protected-mode no' option. NOTE: You only need to do one of the above \
    things in order for the server to start accepting connections from the outside.\r\n";

/// Whether a connection from `peer` is refused: protected mode is on, and `peer` is not a loopback address.
pub(super) fn is_refused(protected: bool, peer: IpAddr) -> bool {
    protected && !is_loopback(peer)
}

/// Whether `addr` is a loopback address, also in the IPv4-mapped form that a dual-stack socket reports.
pub(super) fn is_loopback(addr: IpAddr) -> bool {
    addr.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peer_is_refused_in_protected_mode_unless_it_is_this_machine() {
        for (peer, is_near) in [
            ("127.0.0.1", true),
            ("127.8.9.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("192.0.2.1", false),
            ("10.0.0.1", false),
            ("0.0.0.0", false),
            ("::ffff:192.0.2.1", false),
            ("fe80::1", false),
            ("2001:db8::1", false),
        ] {
            let addr: IpAddr = peer.parse().expect("an address");
            assert_eq!(is_refused(true, addr), !is_near, "{peer}");
            assert!(!is_refused(false, addr), "{peer}");
        }
    }

    #[test]
    fn refusal_is_one_line() {
        assert_eq!(REFUSAL.matches(['\r', '\n']).count(), 2);
        assert!(!REFUSAL.contains("  "));
    }
}
