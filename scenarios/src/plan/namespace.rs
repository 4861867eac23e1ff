//! A namespace of a Kubernetes cluster, as one text: `CONTEXT/NAMESPACE`.

use std::fmt;
use std::str::FromStr;

/// The scheme of a target that is a namespace of a cluster, and no address.
pub const KUBERNETES: &str = "kubernetes";

/// The text is not in it, because it may hold a password.
const WRONG: &str = "this is no namespace of a cluster; write CONTEXT/NAMESPACE, such as \
                     staging/orders, or NAMESPACE alone for the current context";

/// A namespace, and the context of the kubeconfig that leads to its cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Namespace {
    /// The kubeconfig's context; empty for the current one, or the cluster around.
    pub context: String,
    /// The namespace.
    pub namespace: String,
}

impl FromStr for Namespace {
    type Err = String;

    /// The namespace stands behind the last slash: contexts may have slashes of their own.
    /// Without a slash it is one of the current context; an empty context is a mistake, such
    /// as a variable that was never set, and means no other cluster.
    fn from_str(text: &str) -> Result<Self, String> {
        let (context, namespace) = text.rsplit_once('/').unwrap_or(("", text));
        let is_of_dns = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let is_namespace = !namespace.is_empty()
            && namespace.len() <= 63
            && namespace.chars().all(is_of_dns)
            && !namespace.starts_with('-')
            && !namespace.ends_with('-');
        let is_context = !text.starts_with('/')
            && !context.contains("://")
            && !context.contains(char::is_whitespace);
        if !is_namespace || !is_context {
            return Err(WRONG.to_owned());
        }
        Ok(Self { context: context.to_owned(), namespace: namespace.to_owned() })
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.context.as_str() {
            "" => f.write_str(&self.namespace),
            context => write!(f, "{context}/{}", self.namespace),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_namespace_is_what_stands_behind_the_last_slash() {
        for (text, context, namespace) in [
            ("staging/orders", "staging", "orders"),
            ("orders", "", "orders"),
            (
                "arn:aws:eks:eu-1:12:cluster/shop/orders",
                "arn:aws:eks:eu-1:12:cluster/shop",
                "orders",
            ),
            ("admin@kubernetes/shop-2", "admin@kubernetes", "shop-2"),
        ] {
            let read: Namespace = text.parse().unwrap();
            assert_eq!((&*read.context, &*read.namespace), (context, namespace));
            assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn what_is_no_namespace_is_refused() {
        for text in
            ["", "staging/", "staging/Orders", "https://cluster/orders", "a b/c", "-x", "/shop"]
        {
            let why = text.parse::<Namespace>().unwrap_err();
            assert!(why.contains("CONTEXT/NAMESPACE"), "{why}");
        }
    }
}
