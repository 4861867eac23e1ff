//! What is refused whatever the order: namespaces and clusters that nobody meant.

use super::{Blocked, KubernetesError};

/// Namespaces of the cluster itself.
const SYSTEM: [&str; 3] = ["kube-system", "kube-public", "kube-node-lease"];
/// Words that people give to what must not break.
const PRODUCTION: [&str; 4] = ["prod", "production", "live", "prd"];

/// Which namespaces may be hit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// If there are any, only these namespaces.
    pub namespaces: Vec<String>,
    /// Namespaces and contexts that may be hit although they are the cluster's
    /// own or look like production; whole names.
    pub allow: Vec<String>,
}

impl Guard {
    /// Refuses namespaces that are not listed, the cluster's own, and namespaces
    /// and contexts that look like production, unless `allow` names them. A
    /// context that looks like production is refused whatever its namespace.
    ///
    /// # Errors
    /// [`KubernetesError::Blocked`] with the reason and the way out.
    pub fn check(&self, context: Option<&str>, namespace: &str) -> Result<(), KubernetesError> {
        let refuse = |message: String| {
            let what = format!("harm in namespace {namespace}");
            Err(KubernetesError::Blocked { what, blocked: Blocked::Guard { message } })
        };
        if !self.namespaces.is_empty() && !self.namespaces.iter().any(|name| name == namespace) {
            return refuse(format!("only {} may be hit", self.namespaces.join(", ")));
        }
        if SYSTEM.contains(&namespace) && !self.allows(namespace) {
            return refuse(format!("it is the cluster's own; name it with --allow {namespace}"));
        }
        let named = [("context", context.unwrap_or_default()), ("namespace", namespace)];
        for (what, name) in named {
            if looks_like_production(name) && !self.allows(name) {
                let way_out = format!("name it with --allow {name}");
                return refuse(format!("the {what} {name:?} looks like production; {way_out}"));
            }
        }
        Ok(())
    }

    fn allows(&self, name: &str) -> bool {
        self.allow.iter().any(|allowed| allowed == name)
    }
}

/// Whether one of the words of a name says production: `shop-prod`, `eu/prod2`,
/// but not `products` and not `delivery`.
fn looks_like_production(name: &str) -> bool {
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| word.trim_matches(|c: char| c.is_ascii_digit()).to_ascii_lowercase())
        .any(|word| PRODUCTION.contains(&word.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allow(names: &[&str]) -> Guard {
        let allow = names.iter().map(|&name| name.to_owned()).collect();
        Guard { allow, ..Guard::default() }
    }

    #[test]
    fn the_clusters_own_and_what_looks_like_production_must_be_named() {
        for namespace in ["kube-system", "kube-public", "kube-node-lease", "shop-prod", "live2"] {
            let error = Guard::default().check(Some("kind"), namespace).unwrap_err();
            assert!(error.is_refusal());
            assert!(error.to_string().contains(&format!("--allow {namespace}")), "{error}");
            allow(&[namespace]).check(Some("kind"), namespace).unwrap();
        }
    }

    #[test]
    fn a_context_that_looks_like_production_is_refused_by_its_whole_name() {
        let context = "arn:aws:eks:eu-1:1234:cluster/PROD";
        let error = allow(&["PROD", "shop"]).check(Some(context), "shop").unwrap_err();
        assert!(error.to_string().contains("looks like production"), "{error}");
        allow(&[context]).check(Some(context), "shop").unwrap();
    }

    #[test]
    fn words_are_whole_words() {
        for name in ["products", "delivery", "reproduction", "alive", "olive-oil", "staging"] {
            Guard::default().check(Some(name), name).unwrap();
        }
        for name in ["prod", "PRD_1", "1prod", "my.production.eu", "live"] {
            assert!(looks_like_production(name), "{name}");
        }
    }

    #[test]
    fn a_list_of_namespaces_is_kept_to_and_does_not_lift_the_other_rules() {
        let namespaces = vec!["shop".to_owned(), "shop-prod".to_owned()];
        let guard = Guard { namespaces, ..Guard::default() };
        guard.check(None, "shop").unwrap();
        assert!(guard.check(None, "other").unwrap_err().to_string().contains("only shop"));
        assert!(guard.check(None, "shop-prod").is_err());
    }
}
