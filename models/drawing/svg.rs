//! SVG — lanes and lifetimes → drawings for pages and files, light or dark like the reader's system. Pure.
//!
//! A shape or a word repeats everything that a colour says. `maud` escapes text; the input has no control characters,
//! because stories quote keys and commands.

use super::{Bar, Cell, Flight, LaneRow, Lanes, Lifetimes, Role, seconds};
use crate::models::grid::wrapped;
use crate::models::invariants::listed;
use crate::models::story::{Holding, Lane, Sign, Step, Story};
use crate::models::timeline::shortened;
use maud::{Markup, html};

/// A drawing with its size in pixels.
pub struct Drawing {
    /// Width in pixels.
    pub width: i32,
    /// Height in pixels.
    pub height: i32,
    /// The content.
    pub body: Markup,
}

impl Drawing {
    /// The drawing as an element of a page. `title` names it, and `text` describes it for readers who cannot see it. `id`
    /// is the prefix of the names of its parts, and must be unique on the page.
    pub fn element(&self, id: &str, title: &str, text: &str) -> Markup {
        let (title_id, text_id) = (format!("{id}-title"), format!("{id}-text"));
        html! {
            svg.rc-drawing xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby=(title_id)
                aria-describedby=(text_id) width=(self.width) height=(self.height)
                viewBox={ "0 0 " (self.width) " " (self.height) } {
                title id=(title_id) { (title) }
                desc id=(text_id) { (text) }
                style { (maud::PreEscaped(STYLE)) }
                (self.body)
            }
        }
    }
}

/// Colours and strokes. Each class begins with `rc-`, so that it does not meet a page's own rules.
pub const STYLE: &str = "\
.rc-drawing{--rc-paper:#fff;--rc-ink:#1b1f24;--rc-dim:#6a737d;--rc-line:#9aa4af;--rc-blue:#0b5cad;--rc-soft:#d6e6f7;--rc-bad:#b3261e;\
font:13px system-ui,sans-serif;max-width:100%;height:auto}\
@media (prefers-color-scheme:dark){.rc-drawing{--rc-paper:#15191e;--rc-ink:#e6e9ed;--rc-dim:#9aa4af;--rc-line:#66707b;\
--rc-blue:#7db7f5;--rc-soft:#1f3d5c;--rc-bad:#ff9087}}\
.rc-paper{fill:var(--rc-paper)}\
.rc-drawing text{fill:var(--rc-ink);paint-order:stroke;stroke:var(--rc-paper);stroke-width:4px;stroke-linejoin:round}\
.rc-drawing .rc-head{font-weight:600}.rc-drawing .rc-title{font-weight:600;font-size:17px}\
.rc-drawing .rc-words{stroke-width:6px}\
.rc-drawing .rc-dim{fill:var(--rc-dim)}.rc-drawing .rc-bad{fill:var(--rc-bad);font-weight:600}\
.rc-drawing .rc-label,.rc-drawing .rc-code{font-family:ui-monospace,monospace;font-size:12px}\
.rc-drawing .rc-sign{font-size:17px;font-weight:700}\
.rc-life{stroke:var(--rc-line);stroke-width:1.5}.rc-waits{stroke:var(--rc-ink);stroke-width:2;stroke-dasharray:2 4}\
.rc-held{fill:var(--rc-soft);stroke:var(--rc-blue);stroke-width:1.5}\
.rc-written{fill:var(--rc-paper);stroke:var(--rc-blue);stroke-width:1.5;stroke-dasharray:4 3}\
.rc-arrow{stroke:var(--rc-blue);stroke-width:1.8;fill:none}.rc-point{fill:var(--rc-blue)}\
.rc-acts{fill:var(--rc-ink);stroke:var(--rc-ink);stroke-width:1.5}.rc-meets{fill:var(--rc-paper);stroke:var(--rc-ink);stroke-width:1.5}\
.rc-time{stroke:var(--rc-dim);stroke-width:1.5;stroke-dasharray:1 5}.rc-rule{stroke:var(--rc-line);stroke-width:1}\
.rc-broken{fill:none;stroke:var(--rc-bad);stroke-width:2}\
.rc-alive{fill:var(--rc-soft);stroke:var(--rc-blue);stroke-width:1.5}\
.rc-dead{fill:none;stroke:var(--rc-dim);stroke-width:1.5;stroke-dasharray:3 3}\
.rc-now{stroke:var(--rc-ink);stroke-width:1.5;stroke-dasharray:6 3}";

/// Height in pixels of a row without words, and of a line of words.
const ROW: i32 = 40;
const LINE: i32 = 17;
/// Width of a letter in pixels, a little more than that of most letters.
const LETTER: i32 = 7;
/// Width in pixels of the column of numbers.
const NUMBERS: i32 = 34;
/// From this width on, words are beside the lanes.
const BESIDE: i32 = 700;
const LANE_MAX: i32 = 100;

/// A line of words, and whether it says that something is broken.
struct Words(String, bool);

/// The positions of all parts of a drawing.
struct Frame<'a> {
    lanes: &'a Lanes,
    width: i32,
    lane_width: i32,
    words_left: i32,
    is_beside: bool,
    /// The lines of words of each row.
    words: Vec<Vec<Words>>,
    /// The top of each row, and the bottom of the last row.
    tops: Vec<i32>,
}

/// The swim lanes of a story, `width` pixels wide. `lanes` has at least one row.
pub fn lanes(lanes: &Lanes, width: i32) -> Drawing {
    let frame = Frame::of(lanes, width);
    let body = html! {
        @for (at, lane) in lanes.lanes.iter().enumerate() {
            text.rc-head x=(frame.x(at)) y="18" text-anchor="middle" {
                @if frame.lane_width < 68 { (lane.short_name()) } @else { (lane.name()) }
            }
        }
        @for at in 0..lanes.lanes.len() { (frame.lifeline(at)) }
        @for flight in &lanes.flights { (frame.flight(flight)) }
        @for (at, row) in lanes.rows.iter().enumerate() { (frame.row(at, row)) }
        @for flight in &lanes.flights { (frame.flight_label(flight)) }
    };
    Drawing { width, height: frame.tops[lanes.rows.len()] + 8, body }
}

impl Frame<'_> {
    fn of(lanes: &Lanes, width: i32) -> Frame<'_> {
        let count = i32::try_from(lanes.lanes.len()).unwrap_or(1).max(1);
        let is_beside = width >= BESIDE;
        let for_lanes = if is_beside { (width - NUMBERS) * 6 / 10 } else { width - NUMBERS };
        let lane_width = (for_lanes / count).min(LANE_MAX);
        let words_left = if is_beside { NUMBERS + lane_width * count + 12 } else { NUMBERS };
        let letters = u16::try_from((width - words_left) / LETTER).unwrap_or(20);
        let words = |row: &LaneRow| {
            let lines = |text: String, letters, broken| {
                let lines = wrapped(&text, letters);
                lines.lines().map(|line| Words(line.to_owned(), broken)).collect::<Vec<_>>()
            };
            let mut words = lines(format!("{}: {}", row.who, row.what), letters, false);
            if !row.broken.is_empty() {
                // Bold letters are wider.
                words.extend(lines(format!("✗ breaks {}", listed(&row.broken)), letters * 7 / 8, true));
            }
            words
        };
        let words: Vec<Vec<Words>> = lanes.rows.iter().map(words).collect();
        let mut tops = vec![30];
        for words in &words {
            let lines = i32::try_from(words.len()).unwrap_or(1) * LINE;
            let height = if is_beside { ROW.max(lines + 16) } else { ROW + lines + 8 };
            tops.push(tops[tops.len() - 1] + height);
        }
        Frame { lanes, width, lane_width, words_left, is_beside, words, tops }
    }

    /// The x of the middle of a lane.
    fn x(&self, lane: usize) -> i32 {
        NUMBERS + self.lane_width * i32::try_from(lane).unwrap_or(0) + self.lane_width / 2
    }

    /// The y at which a row's step is drawn.
    fn y(&self, row: usize) -> i32 {
        self.tops[row] + ROW / 2
    }

    fn lifeline(&self, lane: usize) -> Markup {
        let x = self.x(lane);
        let end =
            |row: usize| if row + 1 < self.lanes.rows.len() { self.y(row + 1) } else { self.tops[row + 1] };
        html! {
            line.rc-life x1=(x) y1="24" x2=(x) y2=(self.y(0).min(self.tops[0] + ROW / 2)) {}
            @for (at, row) in self.lanes.rows.iter().enumerate() {
                @let (top, end) = (self.y(at), end(at));
                @match row.cells[lane].state {
                    Holding::Idle | Holding::Lies => line.rc-life x1=(x) y1=(top) x2=(x) y2=(end) {},
                    Holding::Waits => line.rc-waits x1=(x) y1=(top) x2=(x) y2=(end) {},
                    Holding::Held => rect.rc-held x=(x - 5) y=(top) width="10" height=(end - top) {},
                    Holding::Written => rect.rc-written x=(x - 5) y=(top) width="10" height=(end - top) {},
                    Holding::Down => {},
                }
            }
        }
    }

    /// Both ends of a flight. A message that does not arrive ends in the link.
    fn ends(&self, flight: &Flight) -> ((i32, i32), (i32, i32)) {
        let from = (self.x(flight.from), self.y(flight.sent_in));
        let end =
            if flight.arrives { self.y(flight.arrives_in) } else { self.tops[flight.arrives_in + 1] - 6 };
        (from, (self.x(flight.to), end))
    }

    fn flight(&self, flight: &Flight) -> Markup {
        let (from, to) = self.ends(flight);
        arrow(from, to)
    }

    /// The label of a flight: where the arrow crosses the link, or at the end of an arrow that does not arrive.
    fn flight_label(&self, flight: &Flight) -> Markup {
        let (from, to) = self.ends(flight);
        html! {
            @if flight.arrives && !self.is_beside {
                // Here the rows' words are between the rows, so the label is put beside the head of the arrow.
                text.rc-label x=(to.0 + 8) y=(to.1 - 6) { (flight.label) }
            } @else if flight.arrives {
                text.rc-label x=((from.0 + to.0) / 2) y=((from.1 + to.1) / 2 - 4) text-anchor="middle" {
                    (flight.label)
                }
            } @else {
                text.rc-label x=(to.0 + 8) y=(to.1 + 2) { (flight.label) " under way" }
            }
        }
    }

    fn row(&self, at: usize, row: &LaneRow) -> Markup {
        let (top, y) = (self.tops[at], self.y(at));
        let words_top = if self.is_beside { y + 5 } else { top + ROW + 10 };
        html! {
            @if !row.broken.is_empty() {
                rect.rc-broken x="1" y=(top + 1) width=(self.width - 2) height=(self.tops[at + 1] - top - 2) rx="5" {}
            }
            @if row.is_everywhere {
                line.rc-time x1=(self.x(0)) y1=(y) x2=(self.x(row.cells.len() - 1)) y2=(y) {}
            }
            text.rc-dim x="8" y=(y + 5) { (row.number) }
            @for span in row.spans.iter().filter(|span| !span.in_flight) {
                (arrow((self.x(span.from), y), (self.x(span.to), y)))
                @if !span.label.is_empty() {
                    @let beside = span.from.abs_diff(span.to) == 1;
                    @let to = if beside { self.x(span.from) } else { self.x(span.to) + if span.from < span.to { -self.lane_width } else { self.lane_width } };
                    text.rc-label x=((to + self.x(span.to)) / 2) y=(y - 6) text-anchor="middle" { (span.label) }
                }
            }
            @for (lane, cell) in row.cells.iter().enumerate() { (self.cell(at, lane, cell)) }
            (self.clocks(at, row))
            text.rc-words x=(self.words_left) y=(words_top) {
                @for (number, Words(line, broken)) in self.words[at].iter().enumerate() {
                    tspan.rc-bad[*broken] x=(self.words_left) dy=(if number == 0 { 0 } else { LINE }) { (line) }
                }
            }
        }
    }

    /// The part of a lane in a row, and its new content.
    fn cell(&self, at: usize, lane: usize, cell: &Cell) -> Markup {
        let (x, y) = (self.x(lane), self.y(at));
        let before = at.checked_sub(1).map(|before| &self.lanes.rows[before].cells[lane]);
        let is_worker = matches!(self.lanes.lanes[lane], Lane::Worker(_));
        let is_new = before.is_none_or(|before| before.label != cell.label || before.state != cell.state);
        let says = match cell.state {
            Holding::Lies if matches!(self.lanes.lanes[lane], Lane::Log | Lane::Node(_)) => {
                Some(format!("[{}]", cell.label))
            }
            Holding::Waits => Some(format!("[{}] waits", cell.label)),
            Holding::Held if is_worker => Some(format!("holds {}", cell.label)),
            Holding::Written => Some(format!("wrote {}", cell.label)),
            Holding::Down => Some("down".to_owned()),
            _ => None,
        };
        let letters = usize::try_from((self.lane_width - 12) / LETTER).unwrap_or(4).max(4);
        // If there is no room for words, the shape alone says how the lane holds it; the row's words say it, too.
        let says = says.map(|says| if says.chars().count() > letters { cell.label.clone() } else { says });
        // A message crosses the link somewhere between two rows, so the link has no point in a row.
        let role = if self.lanes.lanes[lane] == Lane::Link { Role::Still } else { cell.role };
        html! {
            @match (cell.sign, role) {
                (Some(sign), _) => text.rc-sign x=(x) y=(y + 6) text-anchor="middle" { (glyph(sign)) },
                (None, Role::Acts) => circle.rc-acts cx=(x) cy=(y) r="5" {},
                (None, Role::Meets) => circle.rc-meets cx=(x) cy=(y) r="4" {},
                (None, Role::Still) => {},
            }
            @if let Some(says) = says.filter(|_| is_new) {
                text.rc-label x=(x + 9) y=(y + 16) { (shortened(&says, letters)) }
            }
        }
    }

    /// The clock readings that differ from those of the row before, each beside its node.
    fn clocks(&self, at: usize, row: &LaneRow) -> Markup {
        let before = at.checked_sub(1).and_then(|before| self.lanes.rows[before].clocks);
        let place = |lane: Lane| self.lanes.lanes.iter().position(|known| *known == lane);
        let Some((clocks, (master, replica))) = row.clocks.zip(place(Lane::Master).zip(place(Lane::Replica)))
        else {
            return html! {};
        };
        let mark = if clocks.estimated { " ?" } else { "" };
        let changed = [
            (master, Some(clocks.master_ms), before.map(|it| Some(it.master_ms)), ""),
            (replica, clocks.replica_ms, before.map(|it| it.replica_ms), mark),
        ];
        html! {
            @for (lane, now, before, mark) in changed {
                @if let Some(ms) = now.filter(|_| before != Some(now)) {
                    @let says = format!("t={}{mark}", seconds(ms));
                    // Beside the last lane there may be no room on the right.
                    @let fits = self.lane_width / 2 - 9 >= LETTER * i32::try_from(says.len()).unwrap_or(9);
                    @let (x, anchor) = if fits { (9, "start") } else { (-9, "end") };
                    text.rc-label.rc-dim x=(self.x(lane) + x) y=(self.y(at) + 16) text-anchor=(anchor) { (says) }
                }
            }
        }
    }
}

fn glyph(sign: Sign) -> &'static str {
    match sign {
        Sign::Down => "╳",
        Sign::Up => "●",
        Sign::Cut => "◇",
        Sign::Publish => "◆",
        Sign::Again => "↻",
        Sign::Remove => "×",
    }
}

/// A line with an arrowhead, a little shorter than the distance.
fn arrow((x1, y1): (i32, i32), (x2, y2): (i32, i32)) -> Markup {
    let (dx, dy) = (f64::from(x2 - x1), f64::from(y2 - y1));
    let length = dx.hypot(dy).max(1.0);
    let (ux, uy) = (dx / length, dy / length);
    let at = |along: f64, aside: f64| {
        format!(
            "{:.1},{:.1}",
            f64::from(x1) + ux * along - uy * aside,
            f64::from(y1) + uy * along + ux * aside
        )
    };
    let (tip, neck) = (length - 6.0, length - 15.0);
    html! {
        path.rc-arrow d={ "M" (at(6.0, 0.0)) " L" (at(neck, 0.0)) } {}
        path.rc-point d={ "M" (at(tip, 0.0)) " L" (at(neck, 4.5)) " L" (at(neck, -4.5)) " Z" } {}
    }
}

/// The deadlines after these steps as bars on a time axis; `None` if there are none.
pub fn lifetimes(steps: &[Step], width: i32) -> Option<Drawing> {
    let lives = Lifetimes::after(steps)?;
    let (left, right) = (14, width - 40);
    let end = lives.end_ms;
    let length = u16::try_from(right - left).unwrap_or_default();
    let x = |ms: i64| left + i32::from(lives.along(ms, length));
    let count = i32::try_from(lives.bars.len()).unwrap_or(0);
    let bottom = 40 + count * 44;
    let now = [("master's clock", Some(lives.master_ms)), ("replica judges at", lives.replica_ms)];
    let now: Vec<(&str, i64)> = now.into_iter().filter_map(|(name, ms)| Some((name, ms?))).collect();
    let body = html! {
        line.rc-rule x1=(left) y1="24" x2=(x(end)) y2="24" {}
        @for tick in &lives.ticks_ms {
            line.rc-rule x1=(x(*tick)) y1="20" x2=(x(*tick)) y2="28" {}
            text.rc-label.rc-dim x=(x(*tick)) y="14" text-anchor="middle" { (seconds(*tick)) }
        }
        @for (number, bar) in (0..).zip(&lives.bars) { (life(bar, 40 + number * 44, &x, end)) }
        @for (number, (_, ms)) in (0..).zip(&now) {
            line.rc-now x1=(x(*ms)) y1="24" x2=(x(*ms)) y2=(bottom + 4 + number * LINE) {}
        }
        @for (number, bar) in (0..).zip(&lives.bars) { (life_in_words(bar, 40 + number * 44, x(bar.from_ms), width)) }
        @for (number, (name, ms)) in (0..).zip(&now) {
            @let anchor = if x(*ms) > width / 2 { "end" } else { "start" };
            @let beside = if x(*ms) > width / 2 { x(*ms) - 5 } else { x(*ms) + 5 };
            text.rc-words x=(beside) y=(bottom + 16 + number * LINE) text-anchor=(anchor) { (name) ": " (seconds(*ms)) }
        }
    };
    Some(Drawing { width, height: bottom + 22 + LINE * i32::try_from(now.len()).unwrap_or(2), body })
}

fn life(bar: &Bar, y: i32, x: &dyn Fn(i64) -> i32, end: i64) -> Markup {
    let is_beyond = bar.until_ms.is_none_or(|until| until > end);
    let (from, to) = (x(bar.from_ms), x(bar.until_ms.unwrap_or(end)).max(x(bar.from_ms) + 3));
    let class = if bar.is_dead { "rc-dead" } else { "rc-alive" };
    html! {
        rect class=(class) x=(from) y=(y + 18) width=(to - from) height="10" {}
        @if is_beyond { path.rc-point d={ "M" (to + 12) "," (y + 23) " l-12,-8 l0,16 Z" } {} }
    }
}

fn life_in_words(bar: &Bar, y: i32, x: i32, width: i32) -> Markup {
    let node = if bar.on_master { "master" } else { "replica" };
    let until = bar.until_ms.map_or("no deadline".to_owned(), |until| format!("until {}", seconds(until)));
    let dead = if bar.is_dead { ", dead" } else { "" };
    let says = format!("{} on the {node}, {until}{dead}", shortened(&bar.key, 24));
    let letters = i32::try_from(says.chars().count()).unwrap_or(40) + 3;
    html! {
        text.rc-label.rc-words x=(x.min(width - letters * (LETTER + 1)).max(2)) y=(y + 12) {
            @if bar.differs { tspan.rc-bad { "≠ " } }
            (says)
        }
    }
}

/// Width of a file's drawing in pixels.
const FILE_WIDTH: i32 = 1140;

/// A story as a self-contained file: heading, swim lanes, keys, deadlines, broken invariants.
pub fn document(story: &Story, title: &str) -> String {
    let mut y = 36;
    let mut body = vec![html! { text.rc-title x="16" y=(y) { (title) } }];
    let letters = u16::try_from((FILE_WIDTH - 32) / LETTER).unwrap_or(100);
    let mut words = |y: &mut i32, text: &str, class: &str| {
        for line in wrapped(text, letters).lines() {
            *y += LINE + 2;
            body.push(html! { text class=(class) x="16" y=(*y) { (line) } });
        }
    };
    words(&mut y, &format!("program: {}", crate::models::timeline::elided(&story.program, "; ")), "rc-code");
    let log = crate::models::timeline::log(story);
    words(&mut y, &format!("log: {}", crate::models::timeline::elided(&log, " · ")), "rc-code");
    y += 12;
    let placed = |drawing: Drawing, y: &mut i32| {
        let part = html! { g transform={ "translate(16," (*y) ")" } { (drawing.body) } };
        *y += drawing.height;
        part
    };
    let mut rest = vec![placed(lanes(&Lanes::of(story), FILE_WIDTH - 32), &mut y)];
    y += 14;
    rest.push(placed(keys(story), &mut y));
    if let Some(drawing) = lifetimes(&story.steps, FILE_WIDTH / 2) {
        y += 14;
        rest.push(placed(drawing, &mut y));
    }
    y += 6;
    for line in wrapped(&format!("⇒ {}", story.conclusion), letters * 7 / 8).lines() {
        y += LINE + 2;
        rest.push(html! { text.rc-head x="16" y=(y) { (line) } });
    }
    let height = y + 20;
    let body = html! {
        rect.rc-paper width=(FILE_WIDTH) height=(height) {}
        @for part in body.iter().chain(&rest) { (part) }
    };
    let text = format!("{}. {}", story.in_words().join(". "), story.conclusion);
    Drawing { width: FILE_WIDTH, height, body }.element("story", title, &text).into_string() + "\n"
}

/// The keys of both nodes as lines of a table.
fn keys(story: &Story) -> Drawing {
    let text = crate::models::timeline::keys(&story.keys, u16::try_from(FILE_WIDTH / 8).unwrap_or(100));
    let lines: Vec<&str> = text.lines().collect();
    let body = html! {
        @for (number, line) in (1..).zip(&lines) {
            text.rc-code xml:space="preserve" x="0" y=(number * LINE) { (line) }
        }
    };
    let height = i32::try_from(lines.len()).unwrap_or(0) * LINE + 8;
    Drawing { width: FILE_WIDTH - 32, height, body }
}
