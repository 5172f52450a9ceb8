//! What a file name says of a face: UTKFace's `AGE_SEX_RACE_DATE.jpg`.

use clap::ValueEnum;
use serde::Serialize;

/// Oldest age that is believed; the data's oldest is 116.
const OLDEST: u32 = 130;
/// Upper edges of the age groups, each included; the last group is open.
const EDGES: [u32; 8] = [10, 20, 30, 40, 50, 60, 70, 80];

/// Age groups as they are shown to people.
pub const AGE_GROUPS: [&str; 9] = [
    "0 to 10", "10 to 20", "20 to 30", "30 to 40", "40 to 50", "50 to 60", "60 to 70", "70 to 80", "Above 80",
];
pub const SEXES: [&str; 2] = ["Male", "Female"];
pub const RACES: [&str; 5] = ["White", "Black", "Asian", "Indian", "Others"];

/// The three heads, in the order of their losses and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Head {
    Age,
    Sex,
    Race,
}

impl Head {
    pub const ALL: [Self; 3] = [Self::Age, Self::Sex, Self::Race];

    /// As metrics are named: `age-loss`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Sex => "sex",
            Self::Race => "race",
        }
    }

    /// As parameters are named: `gender_linear1`.
    pub fn parameter(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::Sex => "gender",
            Self::Race => "race",
        }
    }

    /// Its classes, by number.
    pub fn classes(self) -> &'static [&'static str] {
        match self {
            Self::Age => &AGE_GROUPS,
            Self::Sex => &SEXES,
            Self::Race => &RACES,
        }
    }

    /// Names of so many classes; those beyond the known ones go by their numbers.
    pub fn names(self, classes: usize) -> Vec<String> {
        let name =
            |class: usize| self.classes().get(class).map_or_else(|| class.to_string(), ToString::to_string);
        (0..classes).map(name).collect()
    }
}

/// Class numbers of one image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Labels {
    /// 0 to 8, see [`AGE_GROUPS`].
    pub age_group: u8,
    /// 0 male, 1 female.
    pub sex: u8,
    /// 0 to 4, see [`RACES`].
    pub race: u8,
}

impl Labels {
    /// The class of one head.
    pub fn of(self, head: Head) -> u8 {
        match head {
            Head::Age => self.age_group,
            Head::Sex => self.sex,
            Head::Race => self.race,
        }
    }

    /// Of an age in years, and classes by number.
    ///
    /// # Errors
    /// Why they are none.
    pub fn of_numbers(age: u32, sex: u32, race: u32) -> Result<Self, String> {
        if age > OLDEST {
            return Err(format!("age is {age}, above {OLDEST}"));
        }
        if sex as usize >= SEXES.len() {
            return Err(format!("sex is {sex}, not 0 or 1"));
        }
        if race as usize >= RACES.len() {
            return Err(format!("race is {race}, not 0 to 4"));
        }
        Ok(Self { age_group: age_group(age), sex: sex as u8, race: race as u8 })
    }

    /// Reads a file name, without its folder: the age in years and the labels. One that says not all three is never
    /// guessed at.
    ///
    /// # Errors
    /// Why it says not all of them.
    pub fn parse(name: &str) -> Result<(u8, Self), String> {
        let mut fields = name.split('_');
        let mut number = |what: &str| {
            let field = fields.next().ok_or_else(|| format!("no {what}"))?;
            let digits =
                Some(field).filter(|field| is_number(field)).and_then(|field| field.parse::<u32>().ok());
            digits.ok_or_else(|| {
                format!("{what} is `{}`, not a number of up to three digits", shortened(field))
            })
        };
        let (age, sex, race) = (number("age")?, number("sex")?, number("race")?);
        // Without a date the third field may be anything.
        fields.next().ok_or("no date behind the third field")?;
        Self::of_numbers(age, sex, race).map(|labels| (age as u8, labels))
    }

    /// Reads a file name, see [`Labels::parse`].
    pub fn from_file_name(name: &str) -> Option<Self> {
        Self::parse(name).ok().map(|(_, labels)| labels)
    }
}

fn shortened(field: &str) -> String {
    const LONGEST: usize = 24;
    if field.chars().count() <= LONGEST {
        return field.to_owned();
    }
    field.chars().take(LONGEST).chain("...".chars()).collect()
}

fn is_number(field: &str) -> bool {
    !field.is_empty() && field.len() <= 3 && field.bytes().all(|byte| byte.is_ascii_digit())
}

/// The group of an age in years.
pub fn age_group(age: u32) -> u8 {
    EDGES.iter().take_while(|&&edge| age > edge).count() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn upper_edges_belong_to_the_group_below() {
        for (age, group) in
            [(0, 0), (1, 0), (10, 0), (11, 1), (20, 1), (21, 2), (70, 6), (80, 7), (81, 8), (116, 8)]
        {
            assert_eq!(age_group(age), group, "age {age}");
        }
    }

    #[test]
    fn names_are_read_or_refused_but_never_guessed() {
        let good = Some(Labels { age_group: 2, sex: 1, race: 3 });
        for (name, expected) in [
            ("24_1_3_20170116174525125.jpg.chip.jpg", good),
            ("24_1_3_20170109150557335 .jpg", good),
            ("24_1_3_20170116357jpg", good),
            ("39_1_20170116174525125.jpg.chip.jpg", None),
            ("24_2_3_2017.jpg", None),
            ("24_1_5_2017.jpg", None),
            ("24_1_3.jpg", None),
            ("-4_1_3_2017.jpg", None),
            ("+4_1_3_2017.jpg", None),
            ("999_1_3_2017.jpg", None),
            ("portrait.jpg", None),
            ("", None),
        ] {
            assert_eq!(Labels::from_file_name(name), expected, "{name}");
        }
    }

    #[test]
    fn every_head_names_its_classes() {
        assert_eq!(Head::ALL.map(|head| head.classes().len()), [9, 2, 5]);
    }
}
