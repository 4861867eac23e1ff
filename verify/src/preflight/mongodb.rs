//! Whether MongoDB has a collection, and can carry out what is asked of it. A
//! collection that is not there may be made by the system later.

use std::time::Duration;

use scenarios::nearest::there_are;
use scenarios::plan::Ask;
use services::Trouble;

use super::{Found, NAMED};
use crate::mongodb::{Question, Session};

/// How long one result may take. Whatever takes longer is understood, at least.
const TRIED_WITHIN: Duration = Duration::from_secs(1);

/// Looks at what is asked of a collection.
pub(super) async fn look(
    url: &str,
    database: Option<&str>,
    collection: &str,
    ask: &Ask,
) -> Result<(), Found> {
    let question = Question::of(ask).map_err(Found::Unusable)?;
    let session = Session::open(url, database, "preflight").await?;
    match session.try_out(collection, &question, TRIED_WITHIN).await {
        Ok(()) => {}
        Err(Trouble::Answer { answer, .. }) => {
            let why = format!("MongoDB cannot carry out {}: {answer}", question.name());
            return Err(Found::Unusable(why));
        }
        Err(trouble @ Trouble::Credentials { .. }) => {
            return Err(Found::Unusable(trouble.to_string()));
        }
        Err(trouble) => return Err(trouble.into()),
    }
    // Who may read need not be one who may list.
    let Ok(known) = session.collections().await else { return Ok(()) };
    if known.iter().any(|name| name == collection) {
        return Ok(());
    }
    let there = match known.is_empty() {
        true => format!(
            "the database {} has no collections, so see that its name is right",
            session.database()
        ),
        false => there_are(collection, known.iter().map(String::as_str), NAMED),
    };
    Err(Found::Absent(format!("collection {collection} does not exist (yet); {there}")))
}
