//! Drawings of hand-made stories: the position of each element, and that no text can break out of its element.

use replicheck::models::drawing::{Lanes, Lifetimes, Role, html, svg};
use replicheck::models::invariants::Invariant;
use replicheck::models::story::{
    Arrow, Clocks, Conclusion, Deed, Held, Holding, Holds, KeyRow, Lane, Mark, Part, Sign, Step, Story, Until,
};
use replicheck::models::timeline::timeline;
use roxmltree::{Document, Node};

fn arrow(from: Lane, to: Lane, label: &str, left_in: Option<usize>) -> Arrow {
    Arrow { from, to, carries: label.split_whitespace().map(str::to_owned).collect(), left_in }
}

fn clocks(ms: i64) -> Option<Clocks> {
    Some(Clocks { master_ms: ms, replica_ms: Some(ms + 1000), estimated: false })
}

fn holds(under_way: &str) -> Vec<Holds> {
    let hold = |lane, label: &str| {
        let state = if label.is_empty() { Holding::Idle } else { Holding::Lies };
        Holds { lane, state, label: label.to_owned() }
    };
    vec![hold(Lane::Master, ""), hold(Lane::Link, under_way), hold(Lane::Replica, "")]
}

/// Two messages are sent, time passes, one message arrives late, and the replica removes a key that it finds dead.
fn story(key: &str) -> Story {
    let step = |what: &str, lane, arrows, link: &str, ms| Step {
        deed: Deed::Ran(what.to_owned()),
        lane,
        arrows,
        holds: holds(link),
        clocks: clocks(ms),
        keys: vec![KeyRow {
            key: key.to_owned(),
            master: Held { until: Until::Ms(2000), ..Held::plain(format!("\"{key}\"")) },
            replica: Held::default(),
            differs: true,
        }],
        ..Step::default()
    };
    let sends =
        vec![arrow(Lane::Client, Lane::Master, "", None), arrow(Lane::Master, Lane::Link, "1 2", None)];
    let delivers = vec![arrow(Lane::Link, Lane::Replica, "1", Some(0))];
    let mut removes = step("removes it", Some(Lane::Replica), Vec::new(), "2", 1000);
    removes.marks = vec![Mark { lane: Lane::Replica, sign: Sign::Remove }];
    removes.broken = vec![Invariant::NoEarlyDeath];
    let mut steps = vec![
        step(&format!("SET {key}"), Some(Lane::Client), sends, "1 2", 0),
        step("goes on by 1 s", None, Vec::new(), "1 2", 1000),
        step("delivers 1", Some(Lane::Link), delivers, "2", 1000),
        removes,
    ];
    steps[2].keys[0].replica = Held { until: Until::Forever, ..Held::plain("\"5\"") };
    Story {
        lanes: String::new(),
        program: vec![format!("SET {key}")],
        keys: steps[3].keys.clone(),
        steps,
        conclusion: Conclusion(vec![Part::Said(format!("Broken: no_early_death, {key} is gone."))]),
        own: None,
        path: Default::default(),
    }
}

#[test]
fn timeline_draws_lanes_keys_and_deadlines() {
    let expected = "\
program  SET k

#  client master link replica  master t  replica t  what
──────────────────────────────────────────────────────────────────
1  ●─────▶○─────▶○1 2 │        0 s       1 s        SET k
2  │┄┄┄┄┄┄│┄┄┄┄┄┄│1 2┄│        1 s       2 s        goes on by 1 s
3  │      │      ●2──▶○        1 s       2 s        delivers 1
4✗ │      │      │2   ×        1 s       2 s        removes it

   key  master              replica
───────────────────────────────────
≠  k    \"k\", until t = 2 s  -

   lives until 0 s       0.5 s     1 s       1.5 s     2 s       2.5 s
               ┴─────────┴─────────┴─────────┴─────────┴─────────┴
≠  k  master   ├━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━━┤ 2 s
   master t                        ▲ 1 s
   replica t                                           ▲ 2 s

⇒  Broken: no_early_death, k is gone.
";
    assert_eq!(timeline(&story("k"), 100), expected);
}

#[test]
fn lanes_message_flies_from_its_step_to_that_of_its_delivery() {
    let lanes = Lanes::of(&story("k"));
    assert_eq!(lanes.lanes, [Lane::Client, Lane::Master, Lane::Link, Lane::Replica]);
    let flights: Vec<_> = lanes
        .flights
        .iter()
        .map(|it| (it.label.as_str(), it.sent_in, it.arrives_in, it.to, it.arrives))
        .collect();
    assert_eq!(flights, [("1", 0, 2, 3, true), ("2", 0, 3, 2, false)]);
    assert!(lanes.rows[1].is_everywhere && !lanes.rows[0].is_everywhere);
    let roles: Vec<Role> = lanes.rows[0].cells.iter().map(|cell| cell.role).collect();
    assert_eq!(roles, [Role::Acts, Role::Meets, Role::Meets, Role::Still]);
}

#[test]
fn lifetimes_bar_begins_where_the_key_became_what_it_is() {
    let story = story("k");
    let lives = Lifetimes::after(&story.steps[..3]).expect("there is a deadline");
    let bars: Vec<_> =
        lives.bars.iter().map(|bar| (bar.on_master, bar.from_ms, bar.until_ms, bar.is_dead)).collect();
    assert_eq!(bars, [(true, 0, Some(2000), false), (false, 1000, None, false)]);
    assert!(lives.end_ms > 2000 && lives.ticks_ms.contains(&2000));
    assert_eq!(Lifetimes::after(&[]), None);
}

#[test]
fn lifetimes_deadline_far_away_does_not_squeeze_the_others() {
    let mut story = story("k");
    story.steps[3].keys[0].replica =
        Held { until: Until::Ms(i64::MAX), ..Held::plain("\"5\", until t = 9 s") };
    let lives = Lifetimes::after(&story.steps).expect("there is a deadline");
    assert!(lives.end_ms < 10_000, "{lives:?}");
    for width in [60, 80, 100] {
        assert!(timeline(&story, width).lines().all(|line| line.chars().count() <= 100));
    }
}

const HOSTILE: &str = "</text><script>alert(1)</script>&\"'<svg onload=x>]]>";

/// The text of a node and of all nodes below it.
fn text_of(node: Node<'_, '_>) -> String {
    node.descendants().filter(|it| it.is_text()).filter_map(|it| it.text()).collect()
}

#[test]
fn svg_is_well_formed_and_names_itself_whatever_the_text_is() {
    for key in ["k", HOSTILE] {
        let text = svg::document(&story(key), &format!("{key} breaks it"));
        let svg = Document::parse(&text).expect("well-formed XML");
        let root = svg.root_element();
        assert!(root.has_tag_name("svg") || root.tag_name().name() == "svg");
        let named = |name: &str| {
            let id = root.attribute(name).expect("an id").to_owned();
            let node = svg.descendants().find(|it| it.attribute("id") == Some(id.as_str()));
            text_of(node.expect("the element of that id"))
        };
        assert_eq!(named("aria-labelledby"), format!("{key} breaks it"));
        assert!(named("aria-describedby").contains(&format!("client: SET {key}")));
        assert_eq!(svg.descendants().filter(|it| it.tag_name().name() == "script").count(), 0);
        let loads =
            |it: &Node<'_, '_>| it.attributes().any(|a| a.name() == "href" || a.name().starts_with("on"));
        assert_eq!(svg.descendants().filter(loads).count(), 0);
        assert!(text.contains("prefers-color-scheme:dark") && !text.contains("url("));
        assert!(text_of(root).contains("✗ breaks no_early_death") && text_of(root).contains('≠'));
    }
}

#[test]
fn html_stands_alone_and_escapes() {
    let page = html::document(&story(HOSTILE), HOSTILE, &[("replay", HOSTILE.to_owned())]);
    assert!(!page.contains("<script") && !page.contains("onload=x>"), "{page}");
    assert!(!page.contains("src=") && !page.contains("href=") && !page.contains("url("));
    assert!(
        page.contains("aria-label=\"they differ\"") && page.contains("<ol>") && page.contains("rc-narrow")
    );
}

#[test]
fn drawing_ids_are_different_for_each_drawing_of_a_page() {
    let page = html::document(&story("k"), "k", &[]);
    let mut ids: Vec<&str> = page.split(" id=\"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert!(all >= 8 && ids.len() == all, "{ids:?}");
}

#[test]
fn lanes_fit_a_narrow_screen() {
    let drawing = svg::lanes(&Lanes::of(&story("k")), 358);
    let text = drawing.element("x", "k", "k").into_string();
    let svg = Document::parse(&text).expect("well-formed XML");
    let wide = |it: &Node<'_, '_>| {
        ["x", "x1", "x2", "cx"]
            .iter()
            .filter_map(|name| it.attribute(*name))
            .any(|at| at.parse::<f64>().is_ok_and(|at| at > 358.0))
    };
    assert_eq!(svg.descendants().filter(wide).count(), 0);
    assert!(drawing.height > svg::lanes(&Lanes::of(&story("k")), 1140).height);
}
