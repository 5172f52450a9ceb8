//! What is compared: a method, with a stop rule or without.

use sweep_core::spec::{self, Method, SweepSpec};

use crate::exit::{Exit, Failure};
use crate::{local, set};

/// One of those compared.
#[derive(Debug, Clone)]
pub(crate) struct Variant {
    /// `tpe+asha`.
    pub(crate) name: String,
    pub(crate) spec: SweepSpec,
    /// The name of its stop rule.
    pub(crate) rule: Option<String>,
}

/// A stop rule with a name: what to set in the file; `None`: the file has it.
type Rule = (String, Option<String>);

/// The variants that are asked for, or the usual ones.
pub(crate) fn all(
    file: &str,
    text: &str,
    own: &SweepSpec,
    asked: &[String],
    rules: &[String],
) -> Result<Vec<Variant>, Failure> {
    let rules = named(own, rules)?;
    let usual = || {
        let mut methods = vec![Method::Random];
        for method in [own.method, Method::Tpe, Method::Auto] {
            if !methods.contains(&method) {
                methods.push(method);
            }
        }
        let with = |method: Method| {
            let plain = std::iter::once(method.word().to_owned());
            plain.chain(rules.iter().map(move |(name, _)| format!("{}+{name}", method.word())))
        };
        methods.into_iter().flat_map(with).collect::<Vec<String>>()
    };
    let names = if asked.is_empty() { usual() } else { asked.to_vec() };
    let mut variants: Vec<Variant> = Vec::with_capacity(names.len());
    for name in names {
        if variants.iter().any(|variant| variant.name == name) {
            return Err(Failure::new(Exit::Usage, format!("--method has {name} twice")));
        }
        variants.push(one(file, text, &rules, name)?);
    }
    Ok(variants)
}

/// The rules by name, the file's own among them.
fn named(own: &SweepSpec, given: &[String]) -> Result<Vec<Rule>, Failure> {
    let mut rules: Vec<Rule> =
        own.early_terminate.iter().map(|rule| (rule.word().to_owned(), None)).collect();
    for given in given {
        let is_name = |name: &str| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        let (name, rule) = match given.split_once('=').filter(|(name, _)| is_name(name)) {
            Some((name, rule)) => (Some(name.to_owned()), rule),
            None => (None, given.as_str()),
        };
        let kind = || {
            let value: serde_yaml::Value = serde_yaml::from_str(rule).ok()?;
            value.get("type")?.as_str().map(str::to_owned)
        };
        let Some(name) = name.or_else(kind) else {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "--stop {given}: no rule with a type\n  write it as the file would have it: --stop '{{type: asha, resource: epoch, min: 1, max: 27}}'"
                ),
            ));
        };
        if rules.iter().any(|(other, _)| *other == name) {
            return Err(Failure::new(
                Exit::Usage,
                format!(
                    "there are two rules called {name}\n  give one a name of its own: --stop 'NAME={{type: ...}}'"
                ),
            ));
        }
        rules.push((name, Some(rule.to_owned())));
    }
    Ok(rules)
}

fn one(file: &str, text: &str, rules: &[Rule], name: String) -> Result<Variant, Failure> {
    let (method, rule) = match name.split_once('+') {
        Some((method, rule)) => (method, Some(rule)),
        None => (name.as_str(), None),
    };
    let list = |words: Vec<&str>| words.join(", ");
    if !Method::ALL.iter().any(|known| known.word() == method) {
        let known = list(Method::ALL.map(Method::word).to_vec());
        return Err(Failure::new(
            Exit::Usage,
            format!("--method {name}: there is no method {method}\n  use one of {known}"),
        ));
    }
    let mut settings = vec![format!("method={method}")];
    let found = rules.iter().find(|(known, _)| Some(known.as_str()) == rule);
    if let (Some(rule), None) = (rule, found) {
        let known = match rules {
            [] => "none".to_owned(),
            rules => list(rules.iter().map(|(name, _)| name.as_str()).collect()),
        };
        return Err(Failure::new(
            Exit::Usage,
            format!(
                "--method {name}: there is no stop rule {rule} (there is {known})\n  give it: --stop '{{type: {rule}, ...}}'"
            ),
        ));
    }
    if let Some((_, Some(rule))) = found {
        settings.push(format!("early_terminate={rule}"));
    }
    let changed = set::apply(text.to_owned(), &settings)?;
    let mut spec = local::check(&spec::parse(&changed), &format!("{file} as {name}"), &changed)?;
    if rule.is_none() {
        spec.early_terminate = None;
    }
    Ok(Variant { rule: rule.map(str::to_owned), spec, name })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "program: p\nmethod: bayes\nmetric: {name: loss}\nearly_terminate: {type: median, resource: epoch, interval: 1}\nparameters: {a: {min: 0.0, max: 1.0}}\n";

    fn names(asked: &[&str], rules: &[&str]) -> Result<Vec<String>, String> {
        let owned = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        let own = spec::parse(FILE).spec.expect("is valid");
        let found =
            all("f.yaml", FILE, &own, &owned(asked), &owned(rules)).map_err(|failure| failure.message)?;
        let told = |variant: Variant| {
            let rule = variant.spec.early_terminate.map_or("none", |rule| rule.word());
            format!("{}: {} {rule}", variant.name, variant.spec.method.word())
        };
        Ok(found.into_iter().map(told).collect())
    }

    const ASHA: &str = "{type: asha, resource: epoch, min: 1, max: 27}";

    #[test]
    fn variants_are_methods_with_rules_by_name() {
        assert_eq!(
            names(&["random", "tpe+asha", "auto+slow", "sobol+median"], &[ASHA, &format!("slow={ASHA}")]),
            Ok([
                "random: random none",
                "tpe+asha: tpe asha",
                "auto+slow: auto asha",
                "sobol+median: sobol median"
            ]
            .map(str::to_owned)
            .to_vec())
        );
        assert_eq!(
            names(&[], &[]).expect("are"),
            [
                "random: random none",
                "random+median: random median",
                "bayes: bayes none",
                "bayes+median: bayes median",
                "tpe: tpe none",
                "tpe+median: tpe median",
                "auto: auto none",
                "auto+median: auto median"
            ]
        );
    }

    #[test]
    fn what_is_no_variant_is_refused_with_the_fix() {
        for (asked, rules, words) in [
            (vec!["tpo"], vec![], "there is no method tpo"),
            (vec!["tpe+asha"], vec![], "there is median"),
            (vec!["tpe", "tpe"], vec![], "twice"),
            (vec!["grid"], vec![], "grid cannot walk"),
            (vec![], vec!["asha"], "no rule with a type"),
            (vec![], vec!["{type: median, resource: epoch, interval: 2}"], "two rules called median"),
            (vec!["tpe+asha"], vec!["{type: asha, resource: epoch, min: 9, max: 3}"], "must be below"),
        ] {
            let error = names(&asked, &rules).expect_err("is refused");
            assert!(error.contains(words), "{asked:?} {rules:?}: {error}");
        }
    }
}
