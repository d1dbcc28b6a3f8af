//! The explorer's pages, asked in process, over a socket, and in a browser.

mod explorer {
    mod browser;
    mod bugs;
    mod files;
    mod pages;
    mod problems;
    mod server;
    mod streams;
    mod visitor;
}
