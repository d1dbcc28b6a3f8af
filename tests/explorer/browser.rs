//! The pages in a real browser, without a window: scripts, keys, and the actions of a person.

use fantoccini::elements::Element;
use fantoccini::key::Key;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::json;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// How long a page may take: much longer than it needs.
const WAIT: Duration = Duration::from_secs(60);

/// A process that ends with the test, and the port that it has printed.
struct Process {
    child: Child,
    port: String,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Process {
    /// Starts a program that prints the port on which it listens: the text after `before` in a line of its output.
    fn start(command: &mut Command, before: &str) -> Process {
        let mut child =
            command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("the program runs");
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines().map_while(Result::ok);
        let port = lines.find_map(|line| {
            let (_, rest) = line.split_once(before)?;
            Some(rest.chars().take_while(char::is_ascii_digit).collect::<String>())
        });
        // Later output is read, too, so that the process never blocks on a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Process { child, port: port.expect("a line with the port") }
    }
}

/// A browser, its driver, and an explorer.
struct Browser {
    client: Client,
    explorer: Process,
    _driver: Process,
    _profile: tempfile::TempDir,
}

/// Whether a program of that name is installed.
fn is_there(name: &str) -> bool {
    let said = Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    said.is_ok_and(|status| status.success())
}

impl Browser {
    /// Starts a browser. `None`, with a line on standard error, where none is installed.
    async fn start() -> Option<Browser> {
        if !is_there("chromium") || !is_there("chromedriver") {
            // Not `eprintln!`: the test harness hides its output when the test passes.
            let _ = writeln!(std::io::stderr(), "skipped: chromium or chromedriver not found");
            return None;
        }
        let driver = Process::start(Command::new("chromedriver").arg("--port=0"), "successfully on port ");
        let mut explorer = Command::new(env!("CARGO_BIN_EXE_replicheck"));
        let explorer = Process::start(explorer.args(["explore", "--port", "0"]), "http://127.0.0.1:");
        let profile = tempfile::tempdir().expect("a folder");
        let folder = format!("--user-data-dir={}", profile.path().display());
        let arguments = json!([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            folder
        ]);
        let mut wanted = serde_json::Map::new();
        wanted.insert("goog:chromeOptions".to_owned(), json!({ "args": arguments }));
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(&format!("http://127.0.0.1:{}", driver.port))
            .await
            .expect("the driver starts the browser");
        Some(Browser { client, explorer, _driver: driver, _profile: profile })
    }

    async fn open(&self, address: &str) {
        let url = format!("http://127.0.0.1:{}{address}", self.explorer.port);
        self.client.goto(&url).await.expect("the page opens");
    }

    /// Waits for the element that matches a CSS selector.
    async fn see(&self, selector: &str) -> Element {
        let found = self.client.wait().at_most(WAIT).for_element(Locator::Css(selector)).await;
        found.unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// Waits for the element that contains these words.
    async fn read(&self, words: &str) -> Element {
        let path = format!("//main//*[contains(normalize-space(.), \"{words}\")]");
        let found = self.client.wait().at_most(WAIT).for_element(Locator::XPath(&path)).await;
        found.unwrap_or_else(|error| panic!("'{words}': {error}"))
    }

    async fn click(&self, selector: &str) {
        self.see(selector).await.click().await.unwrap_or_else(|error| panic!("{selector}: {error}"));
    }

    async fn press(&self, key: &str) {
        self.see("body").await.send_keys(key).await.expect("the page takes keys");
    }

    /// Waits until this number of steps is shown.
    async fn at_step(&self, step: usize) {
        self.see(&format!("#step-{step}[aria-current=step]")).await;
    }

    async fn main(&self) -> String {
        self.see("main").await.text().await.expect("text")
    }
}

fn key(key: Key) -> String {
    char::from(key).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_cross_of_key_hash_is_followed_to_the_marked_key_and_barrier_waits() {
    let Some(browser) = Browser::start().await else { return };
    browser.open("/?length=2").await;
    browser.click("#row-ordering-key_hash a[aria-label^='key_hash breaks convergence']").await;
    browser.at_step(8).await;
    browser.press(&key(Key::Home)).await;
    browser.read("Nothing yet: both nodes are empty").await;
    for step in 1..=8 {
        browser.press(&key(Key::Right)).await;
        browser.at_step(step).await;
    }
    let marked = browser.see(".rc-keys .rc-differs").await;
    assert!(marked.html(true).await.expect("HTML").contains("they differ"));
    browser.read("Broken: convergence").await;
    browser.click("a[href^='/compare/ordering/key_hash/barrier?']").await;
    browser.read("FLUSHDB has to wait here.").await;

    // Somebody else opens the same address.
    let (url, here) = (browser.client.current_url().await.expect("a URL"), browser.main().await);
    let window = browser.client.new_window(false).await.expect("a window");
    browser.client.switch_to_window(window.handle).await.expect("it is there");
    browser.client.goto(url.as_str()).await.expect("the page opens");
    browser.read("FLUSHDB has to wait here.").await;
    assert_eq!(here, browser.main().await);
    browser.client.clone().close().await.expect("the browser ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_program_with_an_error_is_shown_at_its_line() {
    let Some(browser) = Browser::start().await else { return };
    browser.open("/program").await;
    let field = browser.see("textarea[name=program]").await;
    field.clear().await.expect("the field is emptied");
    field.send_keys("SET a 1\nSET b\nFLUSHDB").await.expect("the field takes keys");
    browser.click("form.program button[type=submit]").await;
    let line = browser.see("li.wrong").await.text().await.expect("text");
    assert!(line.starts_with("SET b") && line.contains("wrong number of arguments"), "{line}");
    browser.read("Line 2: wrong number of arguments").await;
    browser.client.clone().close().await.expect("the browser ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_keys_step_play_and_show_help() {
    let Some(browser) = Browser::start().await else { return };
    browser.open("/explore/ordering/key_hash?program=SET+a+1%3B+FLUSHDB&path=0.0.0&at=1").await;
    browser.at_step(1).await;
    browser.press("?").await;
    browser.see("dialog#keys[open]").await;
    browser.press("?").await;
    browser.see("dialog#keys:not([open])").await;
    browser.press("p").await;
    browser.see("#play[aria-pressed=true]").await;
    browser.at_step(3).await;
    browser.see("#play[aria-pressed=false]").await;
    browser.press(&key(Key::Left)).await;
    browser.at_step(2).await;
    browser.press(&key(Key::End)).await;
    browser.at_step(3).await;
    browser.press("1").await;
    browser.at_step(4).await;
    let url = browser.client.current_url().await.expect("a URL");
    assert!(url.as_str().contains("path=0.0.0.0"), "{url}");
    browser.client.clone().close().await.expect("the browser ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn browser_stop_ends_the_searches_and_goes_on_where_they_ended() {
    let Some(browser) = Browser::start().await else { return };
    browser.open("/?length=5&workers=3").await;
    browser.read("states/s, depth").await;
    browser.click("#toggle").await;
    let toggle = browser.see("#toggle").await;
    assert_eq!(toggle.text().await.expect("text"), "Go on");
    browser.click("#toggle").await;
    assert_eq!(toggle.text().await.expect("text"), "Stop");
    browser.client.clone().close().await.expect("the browser ends");
}
