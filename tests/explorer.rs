//! The explorer's pages, asked in process, and once over a socket; no browser.

mod explorer {
    mod pages;
    mod problems;
    mod server;
    mod streams;
    mod visitor;
}
