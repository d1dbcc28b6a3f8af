//! The explorer's pages, requested in process, over a socket, and in a browser.

mod explorer {
    mod browser;
    mod bugs;
    mod files;
    mod nodes;
    mod pages;
    mod problems;
    mod server;
    mod streams;
    mod visitor;
}
