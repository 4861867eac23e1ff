//! Names and quantities, as Kubernetes takes them.

/// What a Job's name leaves room for within the 63 letters of a pod's host name: the index,
/// and the name of the Job that merges.
const LONGEST_JOB: usize = 63 - "-merge".len();

/// A label of RFC 1123: the name of a namespace.
pub(super) fn label(text: &str) -> Result<String, String> {
    is_label(text, 63)
        .then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is no name: up to 63 of a-z, 0-9 and \"-\", within them"))
}

/// The name of a Job: a label of RFC 1123 that leaves room for what is made from it.
pub(super) fn of_job(text: &str) -> Result<String, String> {
    is_label(text, LONGEST_JOB).then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "{text:?} is no name of a Job: up to {LONGEST_JOB} of a-z, 0-9 and \"-\", which stands \
             within them"
        )
    })
}

/// A subdomain of RFC 1123: the name of most objects.
pub(super) fn subdomain(text: &str) -> Result<String, String> {
    let is_name = text.len() <= 253 && text.split('.').all(|part| is_label(part, 253));
    is_name.then(|| text.to_owned()).ok_or_else(|| {
        format!(
            "{text:?} is no name: up to 253 of a-z, 0-9, \"-\" and \".\", which stand within them"
        )
    })
}

fn is_label(text: &str, longest: usize) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends =
        text.bytes().next().is_some_and(is_letter) && text.bytes().last().is_some_and(is_letter);
    ends && text.len() <= longest && text.bytes().all(|byte| is_letter(byte) || byte == b'-')
}

/// A quantity above 0: `2`, `500m`, `1.5`, `512Mi`.
pub(super) fn quantity(text: &str) -> Result<String, String> {
    const UNITS: [&str; 14] =
        ["m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei", ""];
    let end = text.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let is_number = number.parse::<f64>().is_ok_and(|number| number > 0.0);
    (is_number && UNITS.contains(&unit))
        .then(|| text.to_owned())
        .ok_or_else(|| format!("{text:?} is no quantity above 0; write 2, 500m or 512Mi"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_rfc_1123() {
        let (longest, too_long) = ("a".repeat(57), "a".repeat(58));
        for good in ["a", "load-8", "0x", &longest] {
            assert!(of_job(good).is_ok(), "{good}");
        }
        for bad in ["", "-a", "a-", "A", "a_b", "a.b", "a b", "ä", "a\n", &too_long] {
            assert!(of_job(bad).is_err(), "{bad:?}");
        }
        assert!(subdomain("a.b-c.d").is_ok());
        for bad in ["", ".", "a..b", "a.-b", "a/b"] {
            assert!(subdomain(bad).is_err(), "{bad:?}");
        }
        assert!(label(&"a".repeat(63)).is_ok() && label("a.b").is_err());
    }

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for good in ["1", "0.5", "500m", "512Mi", "2G"] {
            assert!(quantity(good).is_ok(), "{good}");
        }
        for bad in ["", "0", "-1", "1 Gi", "Mi", "1MB", "1e", "1.2.3", "inf"] {
            assert!(quantity(bad).is_err(), "{bad:?}");
        }
    }
}
