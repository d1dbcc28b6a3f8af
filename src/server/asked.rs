//! Asked — answers the requests that the server itself handles: INFO, CLIENT, CONFIG, and those that end a connection. Does
//! I/O: changes of the node's role.

use super::clients::locked;
use super::connection::{Connection, End};
use super::exec::ABORTED;
use super::info::{self, Sources};
use super::session::Ask;
use super::{Backend, Config, Ended, config, descriptors, failover, pause};
use crate::command::Reply;
use std::sync::Arc;

impl<N: Backend> Connection<N> {
    /// Answers a request that the server itself handles. `Err` means that the connection ends, with a last reply if there
    /// is one.
    pub(super) async fn answer(&mut self, ask: Ask) -> Result<Option<Reply>, (Option<Reply>, End)> {
        let shared = Arc::clone(&self.shared);
        let clients = &shared.clients;
        Ok(Some(match ask {
            Ask::Hello => info::hello(&shared.node.facts(), self.session.id, self.session.protocol),
            Ask::Info(sections) => {
                let (facts, config, counts) = (shared.node.facts(), shared.config(), clients.counts());
                let (failover, aborted) = (shared.failovers.stage(), shared.failovers.aborted());
                let (facts, config, counts, aborted) = (&facts, &config, &counts, aborted.as_deref());
                info::info(&Sources { facts, config, counts, failover, aborted }, &sections)
            }
            Ask::Role => info::role(&shared.node.facts()),
            Ask::ClientList(listed) => Reply::Verbatim(clients.list(&listed)),
            Ask::ClientInfo => Reply::Verbatim(self.client.line().into_bytes()),
            Ask::ClientKill(kill) => {
                let (count, me) = clients.kill(&kill, self.client.id);
                let reply = match kill {
                    super::client_command::Kill::Filter { .. } => Reply::count(count),
                    _ if count > 0 => Reply::OK,
                    _ => Reply::Error("ERR No such client".to_owned()),
                };
                if me {
                    return Err((Some(reply), End::Killed));
                }
                reply
            }
            Ask::ClientPause(paused, timeout) => {
                shared.pauses.pause(paused, pause::after(timeout)).await;
                shared.hold_removals();
                Reply::OK
            }
            Ask::ClientUnpause => {
                shared.pauses.unpause().await;
                shared.hold_removals();
                Reply::OK
            }
            Ask::Failover(asked) => failover::answer(&shared, asked).await,
            Ask::ConfigGet(patterns) => config::get(&shared.config(), &shared.node.facts(), &patterns),
            Ask::ConfigSet(pairs) => self.set_config(&pairs).await,
            Ask::ResetStatistics => {
                clients.reset_counts();
                Reply::OK
            }
            Ask::Replicate(_) if shared.failovers.stage() != failover::Stage::None => {
                Reply::Error("ERR REPLICAOF not allowed while failing over.".to_owned())
            }
            Ask::Replicate(master) => {
                tracing::info!(?master, "replicaof");
                done(shared.node.replicate(master).await)
            }
            Ask::Follow(argv) => match clients.seat() {
                Some(seat) => return Err((None, End::Follow(argv, seat))),
                None => Reply::Error("ERR max number of replicas reached".to_owned()),
            },
            Ask::Reset => {
                self.end_transaction();
                Reply::Status("RESET")
            }
            Ask::Multi => {
                self.session.queued = Some(0);
                self.transaction.begin();
                Reply::OK
            }
            // A queued EXEC does not exist; `answer_step` runs the one that ends the queue.
            Ask::Exec => Reply::Error("ERR EXEC without MULTI".to_owned()),
            Ask::AbortExec(error) => {
                self.end_transaction();
                // Redis leaves the general code out here.
                Reply::Error(format!("{ABORTED}: {}", error.trim_start_matches("ERR ")))
            }
            Ask::Discard if self.session.queued.is_none() => {
                Reply::Error("ERR DISCARD without MULTI".to_owned())
            }
            Ask::Discard => {
                self.end_transaction();
                Reply::OK
            }
            Ask::Watch(keys) => self.watch(keys).await,
            Ask::Unwatch => {
                self.unwatch();
                Reply::OK
            }
            Ask::Wait(argv) => match self.wait_for_replicas(&argv, true).await {
                Ok(reply) => reply,
                Err(end) => return Err((None, end)),
            },
            Ask::Quit => return Err((Some(Reply::OK), End::Client)),
            Ask::Shutdown => match shared.node.stop().await {
                Ok(()) => {
                    shared.ended.send_replace(Some(Ended::Shutdown));
                    return Err((None, End::Server));
                }
                Err(error) => {
                    tracing::error!(%error, "shutdown failed");
                    Reply::Error("ERR Errors trying to SHUTDOWN. Check logs.".to_owned())
                }
            },
        }))
    }

    async fn set_config(&self, pairs: &[(Vec<u8>, Vec<u8>)]) -> Reply {
        let _alone = self.shared.changing.lock().await;
        let change = match config::set(&self.shared.config(), pairs) {
            Ok(change) => change,
            Err(error) => return Reply::Error(error.to_string()),
        };
        if let Some(refusal) = self.too_many_clients(&change.config) {
            return refusal;
        }
        if let Some(fsync) = change.appendfsync {
            let set = self.shared.node.set_appendfsync(fsync).await;
            if set.is_err() {
                return done(set);
            }
        }
        self.shared.clients.memory.set_limit(change.config.maxmemory_clients);
        self.shared.node.set_masterauth(change.config.masterauth.clone());
        self.shared.node.set_min_replicas(change.config.min_replicas);
        *locked(&self.shared.config) = change.config;
        Reply::OK
    }

    /// Redis's error text, if `after` allows more clients than the process may have descriptors for. It raises the
    /// descriptor limit if it can.
    fn too_many_clients(&self, after: &Config) -> Option<Reply> {
        let reserved = after.descriptors_reserved?;
        if after.maxclients <= self.shared.config().maxclients {
            return None;
        }
        let allowed = descriptors::make_room(after.maxclients, reserved).unwrap_or(0);
        let text = "The operating system is not able to handle the specified number of clients, try with";
        let refusal = || config::failed("maxclients", &format!("{text} {allowed}"));
        (allowed < after.maxclients).then(|| Reply::Error(refusal().to_string()))
    }
}

fn done(result: Result<(), super::Refused>) -> Reply {
    result.map_or_else(|refused| Reply::Error(refused.0), |()| Reply::OK)
}
