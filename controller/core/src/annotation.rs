//! What people note on sweeps and trials: a text, and tags.

use std::collections::BTreeSet;

use thiserror::Error;

/// Most bytes of a note.
pub const LARGEST_NOTE: usize = 16 * 1024;
/// Most letters of a tag.
pub const LONGEST_TAG: usize = 64;
/// Most tags of one sweep or trial.
pub const MOST_TAGS: usize = 32;

/// What is noted on a sweep or a trial.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotation {
    /// Empty: none.
    pub note: String,
    /// In order, each once.
    pub tags: Vec<String>,
}

/// What a person changes of it. The same again changes nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AnnotationChange {
    /// The note in place of the old one; `None`: that stays.
    pub note: Option<String>,
    pub add: Vec<String>,
    /// Those that are not there are passed over.
    pub remove: Vec<String>,
}

/// Why something cannot be noted.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotNoted {
    #[error("a note of {size} bytes is too large: {LARGEST_NOTE} are the most")]
    NoteTooLarge { size: usize },
    /// PostgreSQL keeps none, so no store does.
    #[error("a note with a NUL character cannot be kept: take it out")]
    NulInNote,
    #[error(
        "`{tag}` is no tag: 1 to {LONGEST_TAG} letters, no comma and no line break, no space at either end"
    )]
    NoTag { tag: String },
    #[error("{count} tags are too many: {MOST_TAGS} are the most")]
    TooManyTags { count: usize },
}

/// Whether a tag can be called so: commas stand between tags.
fn is_tag(tag: &str) -> bool {
    let letters = tag.chars().count();
    (1..=LONGEST_TAG).contains(&letters)
        && tag.trim() == tag
        && !tag.chars().any(|letter| letter == ',' || letter.is_control())
}

impl Annotation {
    /// What is noted after a change.
    ///
    /// # Errors
    /// [`NotNoted`].
    pub fn after(self, change: &AnnotationChange) -> Result<Self, NotNoted> {
        let note = change.note.clone().unwrap_or(self.note);
        if note.len() > LARGEST_NOTE {
            return Err(NotNoted::NoteTooLarge { size: note.len() });
        }
        if note.contains('\0') {
            return Err(NotNoted::NulInNote);
        }
        if let Some(tag) = change.add.iter().find(|tag| !is_tag(tag)) {
            return Err(NotNoted::NoTag { tag: tag.clone() });
        }
        let mut tags: BTreeSet<String> = self.tags.into_iter().collect();
        tags.retain(|tag| !change.remove.contains(tag));
        tags.extend(change.add.iter().cloned());
        if tags.len() > MOST_TAGS {
            return Err(NotNoted::TooManyTags { count: tags.len() });
        }
        Ok(Self { note, tags: tags.into_iter().collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    #[test]
    fn tags_come_and_go_and_a_note_stays_until_another_comes() {
        let begun = AnnotationChange {
            note: Some("warm-up was off".to_owned()),
            add: words(&["paper", "best", "best"]),
            remove: Vec::new(),
        };
        let noted = Annotation::default().after(&begun).expect("fits");
        assert_eq!(noted, Annotation { note: "warm-up was off".to_owned(), tags: words(&["best", "paper"]) });
        let moved =
            AnnotationChange { note: None, add: words(&["draft"]), remove: words(&["paper", "never there"]) };
        let noted = noted.after(&moved).expect("fits");
        assert_eq!(noted, Annotation { note: "warm-up was off".to_owned(), tags: words(&["best", "draft"]) });
        let bare = AnnotationChange { note: Some(String::new()), ..AnnotationChange::default() };
        assert_eq!(noted.after(&bare).expect("fits").note, "");
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let note = |size: usize| AnnotationChange { note: Some("x".repeat(size)), ..Default::default() };
        assert!(Annotation::default().after(&note(LARGEST_NOTE)).is_ok());
        let refused = Annotation::default().after(&note(LARGEST_NOTE + 1));
        assert_eq!(refused, Err(NotNoted::NoteTooLarge { size: LARGEST_NOTE + 1 }));
        let nul = AnnotationChange { note: Some("a\0b".to_owned()), ..Default::default() };
        assert_eq!(Annotation::default().after(&nul), Err(NotNoted::NulInNote));
        let add = |add: Vec<String>| AnnotationChange { add, ..Default::default() };
        let longest = "ä".repeat(LONGEST_TAG);
        for tag in [&*longest, "two words", "-1", "a=b"] {
            assert!(Annotation::default().after(&add(words(&[tag]))).is_ok(), "{tag}");
        }
        for tag in [&*format!("{longest}ä"), "", " best", "best ", "a,b", "a\nb"] {
            let refused = Annotation::default().after(&add(words(&[tag])));
            assert_eq!(refused, Err(NotNoted::NoTag { tag: tag.to_owned() }));
        }
        let many: Vec<String> = (0..MOST_TAGS).map(|at| at.to_string()).collect();
        let full = Annotation::default().after(&add(many.clone())).expect("fits");
        assert!(full.clone().after(&add(many)).is_ok(), "the same again");
        let refused = full.clone().after(&add(words(&["one more"])));
        assert_eq!(refused, Err(NotNoted::TooManyTags { count: MOST_TAGS + 1 }));
        let instead = AnnotationChange { add: words(&["one more"]), remove: words(&["0"]), note: None };
        assert!(full.after(&instead).is_ok());
    }
}
