//! Poll — asks a node for INFO four times a second, for all browsers together. Does I/O: a thread, one connection at a time,
//! a clock.
//!
//! ```text
//! thread ── INFO ──▶ node        one connection, made again after an error
//!    └── what was seen last ──▶ every page and stream
//! ```

use super::facts::Facts;
use super::history::History;
use super::parse::{Unfit, parse};
use crate::client::text::{Text, TextLimits};
use crate::client::{Client, ClientError};
use crate::probe::options::{Address, Credentials};
use std::convert::Infallible;
use std::io::ErrorKind;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// The time between two questions.
pub const POLL_EVERY: Duration = Duration::from_millis(250);
/// The time after a question that failed.
const RETRY_EVERY: Duration = Duration::from_secs(1);
/// The longest time for each address of the node's name.
const CONNECT: Duration = Duration::from_secs(1);
/// The limits of an answer: INFO of 256 workers and 256 replicas has less than 100 KB.
const LIMITS: TextLimits = TextLimits { time: Duration::from_secs(2), bytes: 256 << 10 };

/// The node to be watched, and how it is asked to let us in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Its address.
    pub address: Address,
    /// User and password.
    pub credentials: Credentials,
}

/// The reason why nothing is known of a node now.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It was not asked yet.
    #[error("it has not been asked yet")]
    NotAsked,
    /// It is not reached, or does not answer.
    #[error("{}", in_words(.0))]
    Unreachable(ClientError),
    /// It wants a password, and there is none.
    #[error(
        "it asks for a password: set REPLICHECK_PASSWORD, and REPLICHECK_USER if it has users, and start the explorer again"
    )]
    NoPassword,
    /// It does not take user or password.
    #[error("it does not accept the user or password of REPLICHECK_USER and REPLICHECK_PASSWORD: {0}")]
    WrongPassword(String),
    /// It refuses INFO.
    #[error("it refuses INFO: {0}")]
    Refused(String),
    /// Its answer is not the INFO of a node.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

impl From<ClientError> for Trouble {
    fn from(error: ClientError) -> Trouble {
        Trouble::Unreachable(error)
    }
}

/// The system's own words for a time limit mean nothing to a reader.
fn in_words(error: &ClientError) -> String {
    match error {
        ClientError::Io(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
            format!("no whole answer within {} s", LIMITS.time.as_secs())
        }
        ClientError::Connect { source, .. } => format!("it cannot be reached: {source}"),
        ClientError::NotText | ClientError::NotResp(_) => {
            format!("its answer is not that of a Redis server: {error}")
        }
        error => error.to_string(),
    }
}

/// The observations of a node.
#[derive(Debug)]
pub struct Seen {
    /// Its address.
    pub address: String,
    /// Its last answer, or the reason why there is none now.
    pub facts: Result<Facts, Trouble>,
    /// The last minute.
    pub history: History,
}

/// A node that is watched as long as this exists.
pub struct Watch {
    seen: watch::Receiver<Seen>,
    /// The thread ends when this is dropped.
    _ends: Sender<Infallible>,
}

impl Watch {
    /// Begins to watch.
    pub fn begin(node: Node) -> Watch {
        let address = node.address.to_string();
        let first = Seen { address, facts: Err(Trouble::NotAsked), history: History::default() };
        let (sender, seen) = watch::channel(first);
        let (ends, ended) = channel();
        thread::spawn(move || poll(&node, &sender, &ended));
        Watch { seen, _ends: ends }
    }

    /// The address of the node.
    pub fn address(&self) -> String {
        self.seen.borrow().address.clone()
    }

    /// What is seen from now on.
    pub fn seen(&self) -> watch::Receiver<Seen> {
        self.seen.clone()
    }
}

fn poll(node: &Node, seen: &watch::Sender<Seen>, ended: &Receiver<Infallible>) {
    let began = Instant::now();
    let mut connection = None;
    loop {
        let asked = Instant::now();
        let facts = ask(node, &mut connection);
        let at_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        let pause = if facts.is_ok() { POLL_EVERY } else { RETRY_EVERY };
        seen.send_modify(|seen| {
            seen.history.add(at_ms, facts.as_ref().ok());
            seen.facts = facts;
        });
        // A node that answers slowly is not asked more often than one that answers at once, and never without a pause.
        let rest = pause.saturating_sub(asked.elapsed()).max(pause / 4);
        if ended.recv_timeout(rest) == Err(RecvTimeoutError::Disconnected) {
            return;
        }
    }
}

/// Asks over the connection, which is made if there is none and dropped after an error of it.
fn ask(node: &Node, connection: &mut Option<Client>) -> Result<Facts, Trouble> {
    let mut client = match connection.take() {
        Some(client) => client,
        None => connect(node)?,
    };
    match client.call_text(&["INFO"], LIMITS)? {
        Text::Refused(error) if error.starts_with("NOAUTH") => Err(Trouble::NoPassword),
        Text::Refused(error) => Err(Trouble::Refused(error)),
        Text::Told(text) => {
            *connection = Some(client);
            Ok(parse(&text)?)
        }
    }
}

fn connect(node: &Node) -> Result<Client, Trouble> {
    let mut client = Client::connect(&node.address.to_string(), CONNECT)?;
    let Credentials { user, password, tls: _ } = &node.credentials;
    if let Some(password) = password {
        let user = user.as_ref().map(String::as_bytes);
        let words = [Some(b"AUTH".as_slice()), user, Some(password.reveal())];
        let words: Vec<&[u8]> = words.into_iter().flatten().collect();
        if let Text::Refused(error) = client.call_text(&words, LIMITS)? {
            return Err(Trouble::WrongPassword(error));
        }
    }
    Ok(client)
}
