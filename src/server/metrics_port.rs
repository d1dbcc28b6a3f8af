//! Metrics port — answers `GET /metrics` over HTTP, on a port of its own. Does I/O: TCP.
//!
//! No password is asked, as the page has figures and no data. In protected mode without a password, other machines are refused, as
//! the server refuses them.

use super::clients::locked;
use super::{Backend, Server, ServerState, metrics, protected};
use axum::Router;
use axum::extract::{ConnectInfo, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;

/// The port of the metrics, bound before the node opens its folder.
pub struct MetricsPort(TcpListener);

impl MetricsPort {
    /// Listens on address and port; 0 = any free one. Errors: the address is in use, or is not an address of this machine.
    pub async fn bind(bind: IpAddr, port: u16) -> io::Result<MetricsPort> {
        TcpListener::bind((bind, port)).await.map(MetricsPort)
    }

    /// The address that it listens on. Errors: the system's.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl<N: Backend> Server<N> {
    /// Serves the metrics of this server's node on `port`, until the result is dropped.
    pub fn metrics(&self, port: MetricsPort) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let state = Arc::clone(&self.shared);
        locked(&state.config).metrics_port = port.local_addr().map_or(0, |addr| addr.port());
        let router = Router::new().route("/metrics", get(page::<N>)).with_state(state);
        async move { axum::serve(port.0, router.into_make_service_with_connect_info::<SocketAddr>()).await }
    }
}

async fn page<N: Backend>(
    State(server): State<Arc<ServerState<N>>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
) -> Response {
    let config = server.config();
    if protected::is_refused(config.protected_mode && config.requirepass.is_none(), peer.ip()) {
        return (StatusCode::FORBIDDEN, "protected mode is on, and no password is set\n").into_response();
    }
    match metrics::page(&server.node.facts()) {
        Some(page) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], page).into_response(),
        None => {
            (StatusCode::SERVICE_UNAVAILABLE, "the node is stopped or changes its role\n").into_response()
        }
    }
}
