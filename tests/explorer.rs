//! The explorer's pages, asked in process: no browser, no port.

mod explorer {
    mod pages;
    mod problems;
    mod streams;
    mod visitor;
}
