//! A visitor without a browser: requests addresses, reads pages, follows links.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use replicheck::models::explorer::{Checkout, Node, router};
use tower::ServiceExt;

/// The explorer, as one visitor sees it.
pub struct Visitor(Router);

/// A response.
pub struct Page {
    pub status: StatusCode,
    /// The name of the file, if the response is a file to be saved.
    pub disposition: Option<String>,
    pub text: String,
}

impl Visitor {
    /// A visitor of an explorer that was just started.
    pub fn new() -> Visitor {
        Visitor::of(Checkout::default())
    }

    /// A visitor of an explorer of that checkout.
    pub fn of(checkout: Checkout) -> Visitor {
        Visitor(router(checkout, None))
    }

    /// A visitor of an explorer that watches a node.
    pub fn watching(node: Node) -> Visitor {
        Visitor(router(Checkout::default(), Some(node)))
    }

    async fn ask(&self, address: &str) -> axum::response::Response {
        let request = Request::get(address).body(Body::empty()).expect("an address");
        self.0.clone().oneshot(request).await.expect("pages do not fail")
    }

    /// The page at an address.
    pub async fn get(&self, address: &str) -> Page {
        let (head, body) = self.ask(address).await.into_parts();
        let bytes = body.collect().await.expect("a whole body").to_bytes();
        let disposition = head.headers.get("content-disposition").and_then(|value| value.to_str().ok());
        let disposition = disposition.map(str::to_owned);
        Page { status: head.status, disposition, text: String::from_utf8(bytes.to_vec()).expect("UTF-8") }
    }

    /// The page at an address, which must exist.
    pub async fn open(&self, address: &str) -> Page {
        let page = self.get(address).await;
        assert_eq!(page.status, StatusCode::OK, "{address}: {}", page.text);
        page
    }

    /// Reads a stream until `enough` holds for all of the text so far, or until the end.
    pub async fn listen(&self, address: &str, enough: impl Fn(&str) -> bool) -> String {
        let response = self.ask(address).await;
        assert_eq!(response.status(), StatusCode::OK, "{address}");
        let (mut body, mut text) = (response.into_body(), String::new());
        while let Some(frame) = body.frame().await {
            let data = frame.expect("a whole frame").into_data().expect("no trailers");
            text += std::str::from_utf8(&data).expect("UTF-8");
            if enough(&text) {
                break;
            }
        }
        text
    }
}

impl Page {
    /// Every address that the page links to or loads.
    pub fn addresses(&self) -> Vec<String> {
        addresses(&self.text)
    }
}

/// Every address in `href` and `src` attributes.
pub fn addresses(html: &str) -> Vec<String> {
    let of = |name: &str| {
        let parts = html.split(&format!(" {name}=\"")).skip(1).map(str::to_owned).collect::<Vec<_>>();
        parts.into_iter().map(|part| part.split('"').next().unwrap_or_default().replace("&amp;", "&"))
    };
    of("href").chain(of("src")).collect()
}
