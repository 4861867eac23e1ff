//! What was probably meant by a name that does not exist.

/// The known name that was probably meant.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
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
            (distance <= most).then_some((distance, candidate))
        })
        .min()
        .map(|(_, candidate)| candidate)
}

/// `did you mean …?`, or the list of what there is when it is short.
pub(crate) fn nearest_help<'a>(
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
