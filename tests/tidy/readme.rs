//! README — its verdict tables equal the output of `check`. Pure.
//!
//! A table lies between `<!-- verdicts:MODEL -->` and `<!-- /verdicts -->`.

use crate::{Finding, finding};

/// The lines where README's table of `model` differs from `printed`. Blank lines around a table do not count.
pub fn verdicts(path: &str, text: &str, model: &str, printed: &str) -> Vec<Finding> {
    let mark = format!("<!-- verdicts:{model} -->");
    let instead = format!("replace it by the output of `replicheck check --model {model}`");
    let lines: Vec<&str> = text.lines().collect();
    let place = lines.iter().position(|line| line.trim() == mark).and_then(|open| {
        let length = lines[open + 1..].iter().position(|line| line.trim() == "<!-- /verdicts -->")?;
        Some((open + 1, open + 1 + length))
    });
    let Some((start, end)) = place else {
        return vec![finding(path, 1, format!("no `{mark}` … `<!-- /verdicts -->`"), instead)];
    };
    let written: Vec<(usize, &str)> =
        (start..end).map(|at| (at + 1, lines[at].trim_end())).filter(|(_, line)| !line.is_empty()).collect();
    let printed: Vec<&str> = printed.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    (0..written.len().max(printed.len()))
        .filter_map(|at| match (written.get(at), printed.get(at)) {
            (Some((_, written)), Some(printed)) if written == printed => None,
            (Some((line, _)), Some(printed)) => Some((*line, format!("differs from `{printed}`"))),
            (Some((line, _)), None) => Some((*line, "a line that `check` does not print".to_string())),
            (None, printed) => Some((end + 1, format!("lacks `{}`", printed.copied().unwrap_or_default()))),
        })
        .map(|(line, what)| finding(path, line, what, instead.clone()))
        .collect()
}

#[test]
fn verdicts_that_differ_from_what_check_prints_are_reported() {
    let readme = "# x\n<!-- verdicts:ordering -->\n\n| a |\n| b |\n\n<!-- /verdicts -->\n";
    let lines = |printed: &str| {
        verdicts("README.md", readme, "ordering", printed).iter().map(|f| f.line).collect::<Vec<_>>()
    };
    assert_eq!(lines("| a |\n| b |\n"), []);
    assert_eq!(lines("| a |\n| c |\n"), [5]);
    assert_eq!(lines("| a |\n"), [5]);
    assert_eq!(lines("| a |\n| b |\n| c |\n"), [7]);
    assert_eq!(verdicts("README.md", readme, "expiry", "").len(), 1);
    assert_eq!(verdicts("README.md", "<!-- verdicts:expiry -->\n| a |", "expiry", "| a |").len(), 1);
}
