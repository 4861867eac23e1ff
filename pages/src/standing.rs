//! How something that was judged stands on a page: its verdict, and whether it only warns.

use crate::{Markup, markup};

/// Ordered as a reader wants them: what is worst comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// A promise was broken.
    Violated,
    /// Nobody can tell.
    Inconclusive,
    /// Something is worth a look, and decides nothing.
    Warned,
    /// What was promised was kept.
    Held,
}

impl Standing {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Violated, Self::Inconclusive, Self::Warned, Self::Held];

    /// One word, lower case; also the name of its CSS class.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Violated => "violated",
            Self::Inconclusive => "inconclusive",
            Self::Warned => "warn",
            Self::Held => "held",
        }
    }

    /// One mark that differs in shape, for those who do not see the colour.
    #[must_use]
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Violated => "✗",
            Self::Inconclusive => "?",
            Self::Warned => "!",
            Self::Held => "✓",
        }
    }

    /// A mark and a word: the colour says nothing that they do not.
    #[must_use]
    pub fn badge(self) -> Markup {
        let (word, mark) = (self.word(), self.mark());
        markup!(
            "<span class=\"badge {}\"><span aria-hidden=\"true\">{}</span> {}</span>",
            word,
            mark,
            word
        )
    }
}
