//! What was probably meant by a name that does not exist.

/// The known name that was probably meant.
#[must_use]
pub fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let length = name.chars().count();
    known
        .iter()
        .filter_map(|&candidate| {
            let other = candidate.chars().count();
            // About a third of the letters may differ, and always one.
            let most = (other.max(length).saturating_add(1) / 3).max(1);
            // Names of very different length are far apart; the table of the
            // distance would only cost memory.
            if other.abs_diff(length) > most {
                return None;
            }
            let distance = strsim::damerau_levenshtein(name, candidate);
            // Nor is one meant that only begins alike: slow-lea is no slow-p95.
            let (rest, of) = behind_the_same(name, candidate);
            let differs = (rest.max(of) / 2).max(1);
            (distance <= most.min(differs)).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// How many characters of both stand behind those that both begin with.
fn behind_the_same(one: &str, other: &str) -> (usize, usize) {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b).count();
    (one.chars().count() - same, other.chars().count() - same)
}

/// `did you mean …?`, or the list of what there is when it is short.
#[must_use]
pub fn nearest_help<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
    what: &str,
) -> Option<String> {
    let known: Vec<&str> = known.into_iter().collect();
    if let Some(best) = nearest(name, &known) {
        return Some(format!("did you mean {best:?}?"));
    }
    match known.len() {
        0 => None,
        1..=24 => Some(format!("{what}: {}", known.join(", "))),
        _ => None,
    }
}

/// The names of what there is, those that are most like a name first, so many at
/// most, for the end of a message: `there are: a, b (and 3 more)`.
#[must_use]
pub fn there_are<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, most: usize) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    known.sort_by_key(|known| {
        let contained = known.contains(name) || name.contains(known);
        (!contained, strsim::damerau_levenshtein(name, known), *known)
    });
    known.dedup();
    let shown = known.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    match known.len().saturating_sub(most) {
        _ if known.is_empty() => "there are none".to_owned(),
        0 => format!("there are: {shown}"),
        more => format!("there are: {shown} (and {more} more)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_begins_alike_is_not_meant() {
        let variants = ["slow-p95", "slow-tail", "slow-12-percent", "memory-leak"];
        assert_eq!(nearest("slow-lea", &variants), None);
        assert_eq!(nearest("slow-tial", &variants), Some("slow-tail"));
        assert_eq!(nearest("slow-p9", &variants), Some("slow-p95"));
        assert_eq!(nearest("memory-laek", &variants), Some("memory-leak"));
        assert_eq!(nearest("slow-lea", &["slow-leak", "slow-tail"]), Some("slow-leak"));
    }

    #[test]
    fn what_is_most_alike_comes_first() {
        let known = ["payments", "stock", "orders", "order-lines"];
        assert_eq!(there_are("ordrs", known, 2), "there are: orders, stock (and 2 more)");
        assert_eq!(there_are("order", ["a", "order-lines"], 5), "there are: order-lines, a");
        assert_eq!(there_are("x", [], 5), "there are none");
    }
}
