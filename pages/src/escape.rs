//! Text of a stranger inside HTML and SVG: escaped, unless it is known to be markup.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter, Write};

/// Writes into a page: `put!(out, "<b>{}</b>", name)?`. Every argument is escaped, so that it
/// can stand in an element or in a quoted attribute, and only [`Markup`] is taken as it is.
/// The text with the braces must be a literal, and takes no variables by name from around it:
/// they would not be escaped.
#[macro_export]
macro_rules! put {
    ($out:expr, $format:literal $(, $value:expr)* $(,)?) => {
        ::std::fmt::Write::write_fmt(
            $out,
            ::core::format_args!(::core::concat!($format) $(, $crate::escape::shown(&$value))*),
        )
    };
}

/// [`put!`] with a line feed behind.
#[macro_export]
macro_rules! putln {
    ($out:expr, $format:literal $(, $value:expr)* $(,)?) => {
        ::std::fmt::Write::write_fmt(
            $out,
            ::core::format_args!(
                ::core::concat!($format, "\n") $(, $crate::escape::shown(&$value))*
            ),
        )
    };
}

/// [`put!`] into a [`Markup`] of its own.
#[macro_export]
macro_rules! markup {
    ($format:literal $(, $value:expr)* $(,)?) => {
        $crate::Markup::written(|out| $crate::put!(out, $format $(, $value)*))
    };
}

/// Markup: what stands in the source, or was written with [`put!`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Markup(Cow<'static, str>);

impl Markup {
    /// Markup that stands in the source.
    #[must_use]
    pub const fn of(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    /// What a function writes.
    ///
    /// # Panics
    /// Never: writing into a `String` does not fail.
    #[must_use]
    pub fn written(write: impl FnOnce(&mut String) -> fmt::Result) -> Self {
        let mut out = String::new();
        write(&mut out).expect("writing to a String does not fail");
        Self(Cow::Owned(out))
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The markup.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What can be written into a page.
pub trait Show {
    /// Writes it so that it means itself.
    ///
    /// # Errors
    /// When the page cannot be written.
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result;
}

impl Show for str {
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.chars() {
            match c {
                '&' => f.write_str("&amp;"),
                '<' => f.write_str("&lt;"),
                '>' => f.write_str("&gt;"),
                '"' => f.write_str("&quot;"),
                '\'' => f.write_str("&#39;"),
                c => f.write_char(c),
            }?;
        }
        Ok(())
    }
}

impl Show for String {
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.as_str().show(f)
    }
}

impl Show for Markup {
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<T: Show + ?Sized> Show for &T {
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (**self).show(f)
    }
}

/// Nothing where there is none.
impl<T: Show> Show for Option<T> {
    fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.as_ref().map_or(Ok(()), |value| value.show(f))
    }
}

/// Numbers have nothing that means anything else, and keep the form that is asked for.
macro_rules! numbers {
    ($($number:ty),*) => {
        $(impl Show for $number {
            fn show(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Display::fmt(self, f)
            }
        })*
    };
}

numbers!(u8, u32, u64, usize, i32, i64, f64);

/// A value as [`put!`] writes it.
pub fn shown<T: Show + ?Sized>(value: &T) -> Shown<'_, T> {
    Shown(value)
}

/// See [`shown`].
#[derive(Debug)]
pub struct Shown<'a, T: ?Sized>(&'a T);

impl<T: Show + ?Sized> Display for Shown<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.show(f)
    }
}

/// Whether a file of the run's folder can be linked to: a plain path that stays
/// inside.
#[must_use]
pub fn links(path: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
    !path.is_empty() && !path.starts_with('/') && !path.contains("..") && path.chars().all(plain)
}

/// Whether a file of a folder beside that of the page can be linked to: a plain path that
/// goes up and then only down.
#[must_use]
pub fn links_beside(path: &str) -> bool {
    let mut down = path;
    while let Some(rest) = down.strip_prefix("../") {
        down = rest;
    }
    links(down)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_shown_instead_of_obeyed() {
        let name = "<a b=\"c\" d='e'>&amp;".to_owned();
        let shown = "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;amp;";
        assert_eq!(markup!("{}", name).as_str(), shown);
        assert_eq!(markup!("<i title=\"{}\">{}</i>", &name, name.as_str()).as_str().len(), {
            "<i title=\"\"></i>".len() + 2 * shown.len()
        });
    }

    #[test]
    fn only_what_is_markup_is_markup() {
        let bold = markup!("<b>{}</b>", "a<b");
        let none: Option<&str> = None;
        let text = markup!("{}{}{:.1}%{}", bold, Markup::of("<br>"), 12.345, none);
        assert_eq!(text.as_str(), "<b>a&lt;b</b><br>12.3%");
    }

    #[test]
    fn only_files_of_the_run_are_linked() {
        assert!(links("evidence/a-b_1.ndjson"));
        for path in ["", "/etc/passwd", "../up", "javascript:alert(1)", "a b", "//host/x"] {
            assert!(!links(path), "{path}");
        }
        assert!(links_beside("../../../shop-1/report.html") && links_beside("../shop-1"));
        for path in ["", "../", "../..", "..//etc", "../a/../b", "../javascript:x", "/../a"] {
            assert!(!links_beside(path), "{path}");
        }
    }
}
