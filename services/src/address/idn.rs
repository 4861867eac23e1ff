//! Hosts with letters of any language, as name servers know them.

use std::borrow::Cow;

/// The text with its host in ASCII, as browsers and curl write it.
///
/// # Errors
/// When the host is no name.
pub(super) fn ascii(text: &str) -> Result<Cow<'_, str>, String> {
    let start = text.find("://").map_or(0, |at| at + 3);
    let end = text[start..].find(['/', '?', '#', '\\']).map_or(text.len(), |at| start + at);
    let start = text[start..end].rfind('@').map_or(start, |at| start + at + 1);
    let end = text[start..end].find(':').map_or(end, |at| start + at);
    let host = &text[start..end];
    if host.is_ascii() {
        return Ok(Cow::Borrowed(text));
    }
    let name =
        idna::domain_to_ascii(host).map_err(|_| format!("{host:?} is not the name of a host"))?;
    Ok(Cow::Owned(format!("{}{name}{}", &text[..start], &text[end..])))
}
