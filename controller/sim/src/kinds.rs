//! Kinds of faults, each with how often it comes and how it is told of.

/// An enum of kinds: `Name = weight, "words";`.
macro_rules! kinds {
    ($($name:ident = $weight:literal, $words:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, clap::ValueEnum)]
        pub(crate) enum Kind {
            $(#[doc = $words] $name,)*
        }

        impl Kind {
            pub(crate) const ALL: &[(Self, u32)] = &[$((Self::$name, $weight)),*];

            pub(crate) fn words(self) -> &'static str {
                match self { $(Self::$name => $words,)* }
            }

            /// One of those that may come, by chance and weight. At least one may.
            pub(crate) fn draw(rng: &mut impl rand::Rng, may: impl Fn(Self) -> bool) -> Self {
                let weighed = Self::ALL.iter().filter(|(kind, _)| may(*kind));
                let kinds: Vec<Self> = weighed
                    .flat_map(|(kind, weight)| std::iter::repeat_n(*kind, *weight as usize))
                    .collect();
                *rand::seq::IndexedRandom::choose(&*kinds, rng).unwrap_or(&Self::ALL[0].0)
            }
        }
    };
}

pub(crate) use kinds;

/// A line for each kind that came, and their sum.
pub(crate) fn told<'a>(times: impl IntoIterator<Item = (&'a str, u32)>) -> String {
    let mut text = String::new();
    let mut all = 0;
    for (words, count) in times {
        text.push_str(&format!("{count:>7}  {words}\n"));
        all += count;
    }
    text.push_str(&format!("{all:>7}  faults\n"));
    text
}
