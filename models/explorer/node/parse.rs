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

    /// INFO of a replica at work.
    const REPLICA: &str = include_str!("replica.info");

    fn with(name: &str, value: &str) -> String {
        let line = |line: &str| match line.split_once(':') {
            Some((own, _)) if own == name => format!("{name}:{value}\r\n"),
            _ => format!("{line}\r\n"),
        };
        REPLICA.lines().map(line).collect()
    }

    fn without(name: &str) -> String {
        let is_it = |line: &&str| !line.starts_with(&format!("{name}:"));
        REPLICA.lines().filter(is_it).map(|line| format!("{line}\r\n")).collect()
    }
}
