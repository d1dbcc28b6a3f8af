//! Condensed — the bounds of several searches → text that says once what neighbours share. Pure.

/// The fewest phrases that are worth saying once.
const SHARED_MIN: usize = 2;

/// Searches in a row that share their first or their last phrases.
struct Group<'a> {
    shared: Shared<'a>,
    members: Vec<Vec<&'a str>>,
}

#[derive(Clone)]
enum Shared<'a> {
    Nothing,
    First(Vec<&'a str>),
    Last(Vec<&'a str>),
}

/// `bounds`: the bounds of the searches with semicolons between them, each of phrases with commas between them.
pub(super) fn condensed(bounds: &str) -> String {
    let mut groups: Vec<Group<'_>> = Vec::new();
    for bounds in bounds.split("; ") {
        let phrases: Vec<&str> = bounds.split(", ").collect();
        if !groups.last_mut().is_some_and(|group| group.takes(&phrases)) {
            groups.push(Group { shared: Shared::Nothing, members: vec![phrases] });
        }
    }
    groups.iter().map(Group::in_words).collect::<Vec<_>>().join("; ")
}

impl<'a> Group<'a> {
    /// Adds the search if it shares what the others do, and returns whether it does. The second one decides what that is.
    fn takes(&mut self, phrases: &[&'a str]) -> bool {
        let fits = self.fits(phrases);
        if fits {
            self.members.push(phrases.to_vec());
        }
        fits
    }

    fn fits(&mut self, phrases: &[&'a str]) -> bool {
        match &self.shared {
            Shared::First(shared) => phrases.starts_with(shared),
            Shared::Last(shared) => phrases.ends_with(shared),
            Shared::Nothing => {
                let one = &self.members[0];
                let first = one.iter().zip(phrases).take_while(|(one, other)| one == other).count();
                let last = one
                    .iter()
                    .rev()
                    .zip(phrases.iter().rev())
                    .take_while(|(one, other)| one == other)
                    .count();
                if first.max(last) < SHARED_MIN {
                    return false;
                }
                self.shared = match first >= last {
                    true => Shared::First(one[..first].to_vec()),
                    false => Shared::Last(one[one.len() - last..].to_vec()),
                };
                true
            }
        }
    }

    fn in_words(&self) -> String {
        let own = |from: usize, to_end: usize| -> String {
            let own = self.members.iter().map(|all| match &all[from..all.len() - to_end] {
                [] => "nothing more".to_owned(),
                own => own.join(", "),
            });
            own.collect::<Vec<_>>().join(" · ")
        };
        match &self.shared {
            Shared::Nothing => own(0, 0),
            Shared::First(shared) => format!("{}, with: {}", shared.join(", "), own(shared.len(), 0)),
            Shared::Last(shared) => format!("{}; each: {}", own(0, shared.len()), shared.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn condensed_says_once_what_neighbours_share() {
        let cases = [
            ("a, b", "a, b"),
            ("a, b; c, b", "a, b; c, b"),
            ("a, b; a, b, c; a, b, d, e", "a, b, with: nothing more · c · d, e"),
            ("x: p, q, b, c; y: p, b, c; z, b, c, d", "x: p, q · y: p; each: b, c; z, b, c, d"),
            ("a, b; a, b, c; d, e", "a, b, with: nothing more · c; d, e"),
        ];
        for (bounds, expected) in cases {
            assert_eq!(condensed(bounds), expected, "{bounds}");
        }
    }
}
