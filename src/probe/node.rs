//! Node — commands → replies of one node, over one connection. Does I/O: a socket.
//!
//! By itself it sends only commands that read. WATCH and an empty MULTI, EXEC write nothing.

use super::info::{Info, Position};
use super::options::{Address, Credentials, ProbeError, Tls};
use redis::{
    ClientTlsConfig, ConnectionAddr, ConnectionLike as _, IntoConnectionInfo as _, Pipeline, ProtocolVersion,
    RedisConnectionInfo, RedisResult, TlsCertificates, Value,
};
use std::time::Duration;

/// How long a node may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a node may take to answer.
const ANSWER: Duration = Duration::from_secs(30);

/// A node that answers.
pub struct Node {
    address: Address,
    connection: redis::Connection,
    /// Which commands it knows.
    pub knows: Known,
}

/// The commands that not every server knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Known {
    /// PEXPIRETIME: a deadline as an instant.
    pub pexpiretime: bool,
    /// HPEXPIRETIME: deadlines of fields.
    pub hpexpiretime: bool,
    /// TIME: the node's own clock.
    pub time: bool,
    /// WATCH.
    pub watch: bool,
}

/// A key that no one has, for asking which commands are known.
pub const NOBODYS_KEY: &str = "replicheck:probe:nobody";

impl Node {
    /// Connects. Errors: it cannot be reached, or refuses the credentials.
    pub fn open(address: &Address, credentials: &Credentials) -> Result<Node, ProbeError> {
        let unreachable = |reason: String| ProbeError::Unreachable { node: address.to_string(), reason };
        let mut settings =
            RedisConnectionInfo::default().set_protocol(ProtocolVersion::RESP2).set_skip_set_lib_name();
        if let Some(user) = &credentials.user {
            settings = settings.set_username(user);
        }
        if let Some(password) = &credentials.password {
            settings = settings.set_password(String::from_utf8_lossy(password.reveal()));
        }
        let open = || {
            let client = client(address, credentials.tls.as_ref(), settings)?;
            let connection = client.get_connection_with_timeout(CONNECT)?;
            connection.set_read_timeout(Some(ANSWER))?;
            connection.set_write_timeout(Some(ANSWER))?;
            Ok(connection)
        };
        let connection = open().map_err(|error: redis::RedisError| unreachable(error.to_string()))?;
        let knows = Known { pexpiretime: false, hpexpiretime: false, time: false, watch: false };
        let mut node = Node { address: address.clone(), connection, knows };
        node.knows = node.known()?;
        Ok(node)
    }

    /// Its address.
    pub fn name(&self) -> String {
        self.address.to_string()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port
    }

    fn known(&mut self) -> Result<Known, ProbeError> {
        let mut pipe = redis::pipe();
        pipe.cmd("PEXPIRETIME").arg(NOBODYS_KEY);
        pipe.cmd("HPEXPIRETIME").arg(NOBODYS_KEY).arg("FIELDS").arg(1).arg("f");
        pipe.cmd("TIME").cmd("WATCH").arg(NOBODYS_KEY).cmd("MULTI").cmd("EXEC");
        // A replica of a cluster answers reads only after this; others do not know it.
        pipe.cmd("READONLY");
        let known = self.exchange(&pipe)?.iter().map(|reply| !is_error(reply)).collect::<Vec<_>>();
        let is = |at: usize| known.get(at).copied().unwrap_or_default();
        Ok(Known { pexpiretime: is(0), hpexpiretime: is(1), time: is(2), watch: (3..=5).all(is) })
    }

    /// Sends commands and returns the reply to each, any error of the node among them.
    fn exchange(&mut self, pipe: &Pipeline) -> Result<Vec<Value>, ProbeError> {
        if pipe.is_empty() {
            return Ok(Vec::new());
        }
        let sent = self.connection.req_packed_commands(&pipe.get_packed_pipeline(), 0, pipe.len());
        sent.map_err(|error| {
            let silent = format!("no answer within {} s", ANSWER.as_secs());
            let reason = if error.is_timeout() { silent } else { error.to_string() };
            ProbeError::Unreachable { node: self.name(), reason }
        })
    }

    /// Sends commands and returns the reply to each, errors that concern one key among them. Errors: the node does not answer,
    /// loads its data, or does not let us read.
    pub fn ask(&mut self, pipe: &Pipeline) -> Result<Vec<Value>, ProbeError> {
        let replies = self.exchange(pipe)?;
        let fatal = |reply: &Value| match reply {
            Value::ServerError(error) if FATAL.contains(&error.code()) => Some(error.to_string()),
            _ => None,
        };
        match replies.iter().find_map(fatal) {
            Some(reason) => Err(ProbeError::Unreachable { node: self.name(), reason }),
            None => Ok(replies),
        }
    }

    /// Sends one command and returns its reply. Errors: as for `ask`, or the node refuses it.
    pub fn ask_one(&mut self, command: &'static str, arguments: &[&[u8]]) -> Result<Value, ProbeError> {
        let mut pipe = redis::pipe();
        pipe.cmd(command);
        for argument in arguments {
            pipe.arg(*argument);
        }
        match self.ask(&pipe)?.pop() {
            Some(Value::ServerError(error)) => {
                Err(ProbeError::Refused { node: self.name(), command, reason: error.to_string() })
            }
            reply => Ok(reply.unwrap_or_default()),
        }
    }

    /// Its wall clock in milliseconds since 1970, by TIME or by INFO; `None`: it tells neither. Errors: it does not answer.
    pub fn clock_ms(&mut self) -> Result<Option<i64>, ProbeError> {
        if self.knows.time {
            return self.ask_one("TIME", &[]).map(|reply| millis(&reply));
        }
        let info = self.info()?;
        let micros = info.field("server_time_usec").and_then(|text| text.parse::<i64>().ok());
        Ok(micros.map(|micros| micros / 1000))
    }

    /// Its INFO.
    pub fn info(&mut self) -> Result<Info, ProbeError> {
        let reply = self.ask_one("INFO", &[])?;
        Ok(Info::parse(&String::from_utf8_lossy(bytes(&reply).unwrap_or_default())))
    }

    /// As `info`, of the section on replication alone.
    pub fn info_of_replication(&mut self) -> Result<Info, ProbeError> {
        let reply = self.ask_one("INFO", &[b"replication"])?;
        Ok(Info::parse(&String::from_utf8_lossy(bytes(&reply).unwrap_or_default())))
    }

    /// The position of a replica, and what else it tells.
    pub fn position_of_replica(&mut self) -> Result<(Position, Info), ProbeError> {
        let info = self.info_of_replication()?;
        Ok((info.position_of_replica(), info))
    }

    /// Goes to a database.
    pub fn select(&mut self, database: i64) -> Result<(), ProbeError> {
        self.ask_one("SELECT", &[database.to_string().as_bytes()]).map(|_| ())
    }

    /// A page of the keys of the database, and where the next one begins; `0` is the end.
    pub fn scan(
        &mut self,
        from: &[u8],
        pattern: Option<&str>,
        count: usize,
    ) -> Result<(Vec<u8>, Vec<Vec<u8>>), ProbeError> {
        let count = count.to_string();
        let mut arguments = vec![from, b"COUNT", count.as_bytes()];
        if let Some(pattern) = pattern {
            arguments.extend([b"MATCH".as_slice(), pattern.as_bytes()]);
        }
        let reply = self.ask_one("SCAN", &arguments)?;
        let no_page = || "the reply has no cursor and keys".to_owned();
        page(reply).ok_or_else(|| ProbeError::Refused {
            node: self.name(),
            command: "SCAN",
            reason: no_page(),
        })
    }
}

/// A client of the node at `address`. Errors: a certificate cannot be parsed, or the system's cannot be read.
fn client(address: &Address, tls: Option<&Tls>, settings: RedisConnectionInfo) -> RedisResult<redis::Client> {
    let (host, port) = (address.host.clone(), address.port);
    let Some(Tls { authorities, own }) = tls else {
        let to = ConnectionAddr::Tcp(host, port);
        return redis::Client::open(to.into_connection_info()?.set_redis_settings(settings));
    };
    // An error says that the process has chosen its cryptography already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let to = ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None };
    let of_client = own.as_ref().map(|(certificate, key)| ClientTlsConfig {
        client_cert: certificate.clone(),
        client_key: key.reveal().to_vec(),
    });
    let certificates = TlsCertificates { client_tls: of_client, root_cert: authorities.clone() };
    redis::Client::build_with_tls(to.into_connection_info()?.set_redis_settings(settings), certificates)
}

/// Errors after which a node cannot be compared now.
const FATAL: &[&str] =
    &["LOADING", "MASTERDOWN", "NOAUTH", "NOPERM", "CLUSTERDOWN", "MOVED", "ASK", "TRYAGAIN"];

/// Whether a reply is an error.
pub fn is_error(reply: &Value) -> bool {
    matches!(reply, Value::ServerError(_))
}

/// The bytes of a string.
pub fn bytes(reply: &Value) -> Option<&[u8]> {
    match reply {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        Value::VerbatimString { text, .. } => Some(text.as_bytes()),
        Value::Okay => Some(b"OK"),
        _ => None,
    }
}

/// The strings of an array.
pub fn strings(reply: Value) -> Vec<Vec<u8>> {
    let string = |value| match value {
        Value::BulkString(bytes) => bytes,
        Value::Int(number) => number.to_string().into_bytes(),
        other => bytes(&other).unwrap_or_default().to_vec(),
    };
    array(reply).into_iter().map(string).collect()
}

/// A page of SCAN or one of its kind: the cursor, and the strings.
pub fn page(reply: Value) -> Option<(Vec<u8>, Vec<Vec<u8>>)> {
    let [cursor, items]: [Value; 2] = array(reply).try_into().ok()?;
    Some((bytes(&cursor)?.to_vec(), strings(items)))
}

/// The elements of an array.
pub fn array(reply: Value) -> Vec<Value> {
    match reply {
        Value::Array(values) | Value::Set(values) => values,
        _ => Vec::new(),
    }
}

/// The number.
pub fn number(reply: &Value) -> Option<i64> {
    match reply {
        Value::Int(number) => Some(*number),
        other => std::str::from_utf8(bytes(other)?).ok()?.parse().ok(),
    }
}

/// The reply to TIME in milliseconds since 1970.
pub fn millis(reply: &Value) -> Option<i64> {
    match reply {
        Value::Array(parts) => match &parts[..] {
            [seconds, micros] => Some(number(seconds)? * 1000 + number(micros)? / 1000),
            _ => None,
        },
        _ => None,
    }
}
