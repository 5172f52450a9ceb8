use serde_json::json;

use super::*;

#[path = "../../../tests/sweep_files/cases.rs"]
mod corpus;

fn value(text: &str) -> Value {
    read(text, &mut Vec::new()).unwrap_or_else(|problem| panic!("{text}: {problem}")).to_value()
}

#[test]
fn plain_scalars_resolve_as_people_mean_them() {
    for (text, expected) in [
        ("1e-4", json!(1e-4)),
        ("3e6", json!(3e6)),
        ("-11.512", json!(-11.512)),
        (".5", json!(0.5)),
        ("2.", json!(2.0)),
        ("+7", json!(7)),
        ("0x10", json!(16)),
        ("008", json!("008")),
        ("0.5", json!(0.5)),
        ("1-2", json!("1-2")),
        ("1e", json!("1e")),
        ("e5", json!("e5")),
        ("yes", json!("yes")),
        ("None", json!("None")),
        ("~", json!(null)),
        ("True", json!(true)),
        ("1.2.3", json!("1.2.3")),
        ("9223372036854775808", json!(9_223_372_036_854_775_808_u64)),
        ("18446744073709551616", json!(18_446_744_073_709_551_616.0)),
        (".inf", json!("Infinity")),
        ("-.inf", json!("-Infinity")),
        (".nan", json!("NaN")),
        ("nan", json!("nan")),
        ("'1'", json!("1")),
    ] {
        assert_eq!(value(&format!("a: {text}")), json!({"a": expected}), "{text}");
    }
}

#[test]
fn the_last_of_repeated_keys_counts_and_warns() {
    let mut problems = Vec::new();
    let node = read("a: 1\nb: 2\na: 3\n", &mut problems).expect("reads");
    assert_eq!(node.to_value(), json!({"a": 3, "b": 2}));
    assert_eq!(problems.len(), 1);
    assert_eq!(problems[0].place, Place { line: 3, column: 1, length: 1 });
}

#[test]
fn tags_anchors_and_quotes_are_obeyed() {
    assert_eq!(
        value("a: !!float 3\nb: &x [1, '2']\nc: *x\nd: !!str 5\ne: !mine 7\n"),
        json!({"a": 3.0, "b": [1, "2"], "c": [1, "2"], "d": "5", "e": 7})
    );
}

#[test]
fn merge_keys_take_entries_in() {
    let text = "base: &base {a: 1, b: 2}\nother: &other {b: 3, c: 4}\none: {<<: *base, b: 9}\nall: {<<: [*base, *other]}\nliteral: {\"<<\": 1}\n";
    let value = value(text);
    assert_eq!(value["one"], json!({"a": 1, "b": 9}));
    assert_eq!(value["all"], json!({"a": 1, "b": 2, "c": 4}));
    assert_eq!(value["literal"], json!({"<<": 1}));
    assert!(read("a: {<<: 3}", &mut Vec::new()).is_err());
}

#[test]
fn nodes_know_their_places() {
    let node = read("# ü\nb: &x\n  - [1, 'zwei']\nc: *x\n", &mut Vec::new()).expect("reads");
    let Kind::Mapping(entries) = &node.kind else { panic!("{node:?}") };
    assert_eq!(entries[0].key_place, Place { line: 2, column: 1, length: 1 });
    let Kind::Sequence(items) = &entries[0].node.kind else { panic!("{node:?}") };
    let Kind::Sequence(inner) = &items[0].kind else { panic!("{node:?}") };
    assert_eq!((inner[1].place, inner[1].quoted), (Place { line: 3, column: 9, length: 6 }, true));
    assert_eq!(entries[1].node.place, Place { line: 4, column: 4, length: 2 });
}

#[test]
fn what_is_no_yaml_names_its_place() {
    for (text, line, words) in [
        ("a: [1, 2\nb: 3\n", 2, "not valid YAML"),
        ("a: 1\n b: 2\n", 2, "not valid YAML"),
        ("a: *nowhere\n", 1, "unknown anchor"),
        ("a: 1\n---\nb: 2\n", 2, "several documents"),
        ("", 1, "empty"),
        ("? [a]\n: b\n", 1, "a list cannot be a key"),
    ] {
        let problem = read(text, &mut Vec::new()).expect_err(text);
        assert_eq!(problem.place.line, line, "{text}: {problem}");
        assert!(problem.message.contains(words), "{text}: {problem}");
    }
}

#[test]
fn a_small_file_cannot_fill_the_memory() {
    let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..9 {
        let inner = format!("*a{}, ", level - 1).repeat(10);
        bomb.push_str(&format!("a{level}: &a{level} [{inner}]\n"));
    }
    assert!(read(&bomb, &mut Vec::new()).is_err());
    assert!(read(&"[".repeat(100_000), &mut Vec::new()).is_err());
    assert!(read(&format!("a: '{}'", "x".repeat(LONGEST)), &mut Vec::new()).is_err());
}

#[test]
fn places_that_are_not_found_cost_no_values() {
    let mut problems = Vec::new();
    let root = decode::decode("a: [1, 2]").expect("reads");
    let mut reader = Reader { problems: &mut problems, apart: false };
    let node = reader.node(root, None, Place::START).expect("is put together");
    assert_eq!(node.to_value(), json!({"a": [1, 2]}));
    assert!(reader.apart);
}

#[test]
fn both_parsers_read_the_corpus_as_one() {
    let mut read = 0;
    for section in corpus::SECTIONS {
        for case in corpus::cases(section) {
            match parsers_agree(&case.text) {
                Some(agree) => {
                    assert!(agree, "{}: {} ({})", section.name, case.title, case.verdict);
                    read += 1;
                }
                None => assert_eq!(case.verdict, "error", "{}: {}", section.name, case.title),
            }
        }
    }
    assert!(read > 250, "only {read} are YAML");
}
