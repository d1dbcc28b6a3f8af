//! Parse — the text of INFO → facts, or why it is not the INFO of a node. Pure.
//!
//! A field that is missing or is no number makes the whole text unfit: a page that fills gaps with zeros would show a node
//! at rest. Only what depends on the role may be missing.

use super::facts::{Facts, Lag, Lane, LastError, Link, Replica, Role, Watermarks};
use crate::apply::pool::Wait;
use crate::probe::info::Info;
use crate::server::measured::FullSyncs;
use std::collections::BTreeMap;

/// The most lanes, and the most replicas, that are read.
pub const ROWS_MAX: usize = 256;

/// The reason why a text is not the INFO of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It has no fields of INFO.
    #[error("its answer is not the text of INFO")]
    NotInfo,
    /// It is a server of another make.
    #[error("it is {0}, not a node of replicheck")]
    OtherServer(String),
    /// It tells nothing of its work.
    #[error("it tells nothing of its work now: it stops or changes its role")]
    Changing,
    /// A field is missing or has no valid value.
    #[error("its INFO has no valid field `{0}`")]
    Field(String),
}

/// Parses the text of INFO.
pub fn parse(text: &str) -> Result<Facts, Unfit> {
    let info = Info::parse(text);
    if info.field("rc_version").is_none() {
        let told = info.field("redis_version").or(info.field("role"));
        return Err(told.map_or(Unfit::NotInfo, |_| Unfit::OtherServer(info.software())));
    }
    if info.field("rc_written_lsn").is_none() && info.field("rc_received_lsn").is_some() {
        return Err(Unfit::Changing);
    }
    let fields = Fields(&info);
    Ok(Facts {
        version: fields.text("rc_version")?,
        run_id: fields.text("run_id")?,
        uptime_s: fields.number("uptime_in_seconds")?,
        strategy: fields.text("rc_ordering")?,
        policy: fields.text("rc_expiry")?,
        appendfsync: fields.text("rc_appendfsync")?,
        read_only: info.field("rc_read_only").map(str::to_owned),
        role: fields.role()?,
        watermarks: Watermarks {
            received: fields.number("rc_received_lsn")?,
            durable: fields.number("rc_durable_lsn")?,
            applied: fields.number("rc_written_lsn")?,
            published: fields.number("rc_published_lsn")?,
        },
        lag: Lag {
            entries: fields.known("rc_lag_entries")?,
            bytes: fields.known("rc_lag_bytes")?,
            ms: fields.known("rc_lag_ms")?,
        },
        lanes: fields.lanes()?,
        queued_for_any: fields.number("rc_queue_entries_any")?,
        waited_us: Wait::ALL.iter().map(|wait| fields.waited(*wait)).collect::<Result<_, _>>()?,
        batches: fields.number("rc_batches")?,
        batch_entries: fields.number("rc_batch_entries")?,
        flushes: fields.number("rc_flushes")?,
        full_syncs_sent: fields.full_syncs("rc_full_syncs_sent")?,
        full_syncs_received: fields.full_syncs("rc_full_syncs_received")?,
        clock_steps: fields.number("rc_clock_steps")?,
        last_error: fields.last_error()?,
    })
}

/// The fields of INFO, read with their types.
struct Fields<'a>(&'a Info);

impl Fields<'_> {
    fn text(&self, name: &str) -> Result<String, Unfit> {
        self.0.field(name).map(str::to_owned).ok_or_else(|| Unfit::Field(name.to_owned()))
    }

    fn number(&self, name: &str) -> Result<u64, Unfit> {
        self.0.field(name).and_then(|text| text.parse().ok()).ok_or_else(|| Unfit::Field(name.to_owned()))
    }

    /// A number that is -1 while it is not known.
    fn known(&self, name: &str) -> Result<Option<u64>, Unfit> {
        if self.0.field(name) == Some("-1") { Ok(None) } else { self.number(name).map(Some) }
    }

    /// A field whose value is itself made of fields: `queued=3,in_hand=1`.
    fn parts(&self, name: &str) -> Option<Parts<'_>> {
        let parts = self.0.field(name)?.split(',').filter_map(|part| part.split_once('='));
        Some(Parts { name: name.to_owned(), parts: parts.collect() })
    }

    fn lanes(&self) -> Result<Vec<Lane>, Unfit> {
        let lanes = (0..ROWS_MAX).map_while(|worker| self.parts(&format!("rc_worker{worker}")));
        lanes
            .map(|lane| Ok(Lane { queued: lane.number("queued")?, in_hand: lane.number("in_hand")? }))
            .collect()
    }

    fn waited(&self, wait: Wait) -> Result<(String, u64), Unfit> {
        Ok((wait.name().to_owned(), self.number(&format!("rc_wait_{}_us", wait.name()))?))
    }

    fn full_syncs(&self, name: &str) -> Result<FullSyncs, Unfit> {
        let parts = self.parts(name).ok_or_else(|| Unfit::Field(name.to_owned()))?;
        let [begun, complete, failed] = ["begun", "complete", "failed"].map(|part| parts.number(part));
        Ok(FullSyncs { begun: begun?, complete: complete?, failed: failed? })
    }

    fn last_error(&self) -> Result<Option<LastError>, Unfit> {
        match self.text("rc_last_error")? {
            none if none == "none" => Ok(None),
            text => Ok(Some(LastError { text, age_s: self.number("rc_last_error_age_seconds")? })),
        }
    }

    fn role(&self) -> Result<Role, Unfit> {
        match self.text("role")?.as_str() {
            "master" => {
                let replicas = (0..ROWS_MAX)
                    .map_while(|at| Some((self.parts(&format!("slave{at}"))?, at)))
                    .map(|(told, at)| self.replica(&told, &format!("rc_slave{at}")));
                Ok(Role::Master { replicas: replicas.collect::<Result<_, _>>()? })
            }
            "slave" => {
                let (host, port) = (self.text("master_host")?, self.number("master_port")?);
                Ok(Role::Replica { master: format!("{host}:{port}"), link: self.link()? })
            }
            _ => Err(Unfit::Field("role".to_owned())),
        }
    }

    fn link(&self) -> Result<Link, Unfit> {
        if let Some(reason) = self.0.field("rc_link_stopped") {
            return Ok(Link::Stopped { reason: reason.to_owned() });
        }
        if self.number("master_sync_in_progress")? != 0 {
            let [read, total] = ["master_sync_read_bytes", "master_sync_total_bytes"];
            return Ok(Link::FullSync { read: self.number(read)?, total: self.number(total)? });
        }
        match self.text("master_link_status")?.as_str() {
            "up" => Ok(Link::Up),
            _ => Ok(Link::Down { seconds: self.number("master_link_down_since_seconds")? }),
        }
    }

    /// A replica of this master. `told`: Redis's line of it. `own`: the name of this project's line of it.
    fn replica(&self, told: &Parts<'_>, own: &str) -> Result<Replica, Unfit> {
        let own = self.parts(own).ok_or_else(|| Unfit::Field(own.to_owned()))?;
        Ok(Replica {
            address: format!("{}:{}", told.text("ip")?, told.text("port")?),
            state: told.text("state")?.to_owned(),
            received: own.number("received_lsn")?,
            durable: own.number("durable_lsn")?,
            published: own.number("applied_lsn")?,
            lag: Lag {
                entries: own.known("lag_entries")?,
                bytes: own.known("lag_bytes")?,
                ms: own.known("lag_ms")?,
            },
        })
    }
}

/// The parts of one field's value.
struct Parts<'a> {
    name: String,
    parts: BTreeMap<&'a str, &'a str>,
}

impl Parts<'_> {
    fn text(&self, part: &str) -> Result<&str, Unfit> {
        self.parts.get(part).copied().ok_or_else(|| Unfit::Field(format!("{}: {part}", self.name)))
    }

    fn number(&self, part: &str) -> Result<u64, Unfit> {
        self.text(part)?.parse().map_err(|_| Unfit::Field(format!("{}: {part}", self.name)))
    }

    fn known(&self, part: &str) -> Result<Option<u64>, Unfit> {
        if self.text(part)? == "-1" { Ok(None) } else { self.number(part).map(Some) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// INFO of a replica.
    const REPLICA: &str = include_str!("replica.info");

    /// That INFO with `lines` in the place of a field.
    fn with(name: &str, lines: &str) -> String {
        let is_it = |line: &str| line.split(':').next() == Some(name);
        REPLICA.lines().map(|line| format!("{}\r\n", if is_it(line) { lines } else { line })).collect()
    }

    fn field(name: &str) -> Result<Facts, Unfit> {
        Err(Unfit::Field(name.to_owned()))
    }

    #[test]
    fn info_of_a_replica_is_read_with_all_figures() {
        let facts = parse(REPLICA).expect("INFO");
        let marks = facts.watermarks.named().map(|mark| mark.2);
        assert_eq!((marks, facts.lanes.len(), facts.batches), ([20_003, 6_615, 20_003, 20_003], 4, 1_085));
        assert_eq!(facts.waited_us.len(), Wait::ALL.len());
        let text = with("rc_worker1", "rc_worker1:queued=7,in_hand=2");
        assert_eq!(parse(&text).expect("INFO").lanes[1], Lane { queued: 7, in_hand: 2 });
        let text = with("rc_lag_ms", "rc_lag_ms:-1");
        assert_eq!(parse(&text).expect("INFO").lag, Lag { entries: Some(0), bytes: Some(0), ms: None });
        let text = with("rc_last_error", "rc_last_error:link: a: b\r\nrc_last_error_age_seconds:3");
        let error = Some(LastError { text: "link: a: b".to_owned(), age_s: 3 });
        assert_eq!(parse(&text).expect("INFO").last_error, error);
    }

    #[test]
    fn info_of_a_link_in_each_state_is_read() {
        let down = "master_link_status:down\r\nmaster_link_down_since_seconds:5";
        let sync = format!("{down}\r\nmaster_sync_total_bytes:9\r\nmaster_sync_read_bytes:4");
        let stopped = format!("{down}\r\nrc_link_stopped:no: way");
        for (lines, link) in [
            ("master_link_status:up", Link::Up),
            (down, Link::Down { seconds: 5 }),
            (&stopped, Link::Stopped { reason: "no: way".to_owned() }),
        ] {
            let Role::Replica { link: read, .. } =
                parse(&with("master_link_status", lines)).expect("INFO").role
            else {
                panic!("a replica");
            };
            assert_eq!(read, link, "{lines}");
        }
        let syncing = with("master_link_status", &sync).replace("sync_in_progress:0", "sync_in_progress:1");
        let Role::Replica { link, .. } = parse(&syncing).expect("INFO").role else { panic!("a replica") };
        assert_eq!(link, Link::FullSync { read: 4, total: 9 });
    }

    #[test]
    fn info_that_is_malformed_or_of_another_server_is_refused_with_the_field() {
        for (text, refused) in [
            (String::new(), Err(Unfit::NotInfo)),
            ("hello".to_owned(), Err(Unfit::NotInfo)),
            ("redis_version:7.2.4".to_owned(), Err(Unfit::OtherServer("redis 7.2.4".to_owned()))),
            (with("rc_written_lsn", ""), Err(Unfit::Changing)),
            ("rc_version:1".to_owned(), field("run_id")),
            (with("rc_batches", ""), field("rc_batches")),
            (with("rc_batches", "rc_batches:"), field("rc_batches")),
            (with("rc_batches", "rc_batches:-1"), field("rc_batches")),
            (with("rc_batches", "rc_batches:18446744073709551616"), field("rc_batches")),
            (with("rc_lag_ms", "rc_lag_ms:-2"), field("rc_lag_ms")),
            (with("rc_worker1", "rc_worker1:queued=1"), field("rc_worker1: in_hand")),
            (with("rc_worker1", "rc_worker1:queued=,in_hand=1"), field("rc_worker1: queued")),
            (with("rc_wait_cut_us", ""), field("rc_wait_cut_us")),
            (with("rc_full_syncs_sent", "rc_full_syncs_sent:begun=1"), field("rc_full_syncs_sent: complete")),
            (with("rc_last_error", "rc_last_error:link: x"), field("rc_last_error_age_seconds")),
            (with("role", "role:sentinel"), field("role")),
            (with("role", "role:master\r\nslave0:ip=a,port=1,state=online"), field("rc_slave0")),
        ] {
            assert_eq!(parse(&text), refused, "{text}");
        }
    }

    #[test]
    fn info_cut_anywhere_or_with_too_many_rows_is_no_panic() {
        for end in 0..REPLICA.len() {
            let _ = parse(&REPLICA[..end]);
        }
        let many: String =
            (0..2 * ROWS_MAX).map(|at| format!("rc_worker{at}:queued=1,in_hand=0\r\n")).collect();
        assert_eq!(parse(&format!("{REPLICA}\r\n{many}")).expect("INFO").lanes.len(), ROWS_MAX);
    }
}
