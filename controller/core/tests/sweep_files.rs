//! Every sweep file of the corpus: its verdict, and the page that people would read.

#[path = "sweep_files/cases.rs"]
mod cases;

use cases::{Case, SECTIONS, cases};
use sweep_core::command::{Source, expand};
use sweep_core::search::propose;
use sweep_core::space::Domain;
use sweep_core::spec::{NonFinite, Parameter, Parsed, Severity, SweepSpec, parse};
use sweep_core::stop::SweepRule;

/// What a heading may call a case.
fn verdict(parsed: &Parsed) -> &'static str {
    let errors = parsed.of(Severity::Error).count();
    match &parsed.spec {
        None if errors > 0 => "error",
        Some(_) if errors > 0 => "an error with a spec",
        None => "no spec and no error",
        Some(_) if parsed.problems.is_empty() => "valid",
        Some(_) => "warning",
    }
}

/// A case as a page: what is wrong with it, and what it means where it is accepted.
fn page(case: &Case, parsed: &Parsed) -> String {
    let mut parts: Vec<String> =
        parsed.problems.iter().map(|problem| problem.render("sweep.yaml", &case.text)).collect();
    if let Some(spec) = &parsed.spec {
        parts.push(meaning(spec));
    }
    format!("=== {}: {}\n\n{}\n", case.verdict, case.title, parts.join("\n\n"))
}

fn meaning(spec: &SweepSpec) -> String {
    let mut lines = vec![format!("method   {}", spec.method.word())];
    let mut line = |name: &str, value: String| lines.push(format!("{name:<8} {value}"));
    for (name, text) in [
        ("name", &spec.name),
        ("about", &spec.description),
        ("project", &spec.project),
        ("program", &spec.program),
    ] {
        if !text.is_empty() {
            line(name, format!("{text:?}"));
        }
    }
    if let Some(metric) = &spec.metric {
        let target = metric.target.map_or(String::new(), |target| format!(" to {target}"));
        line("metric", format!("{} {}{target}", metric.goal.word(), metric.name));
        if metric.non_finite != NonFinite::Keep {
            line("non-finite", format!("{:?}", metric.non_finite));
        }
    }
    for metric in &spec.metrics {
        line("metrics", format!("{} {} {:?}", metric.goal.word(), metric.name, metric.non_finite));
    }
    for parameter in &spec.parameters {
        line(&parameter.path.join(" / "), domain(parameter, spec));
    }
    for constraint in &spec.constraints {
        line("holds", constraint.expr.source().to_owned());
    }
    for (name, number) in [("seed", spec.seed), ("run_cap", spec.run_cap), ("trials", spec.planned_trials())]
    {
        if let Some(number) = number {
            line(name, number.to_string());
        }
    }
    if spec.limits != Default::default() {
        line("limits", format!("{:?}", spec.limits));
    }
    if let Some(rule) = &spec.early_terminate {
        line("stops", format!("{rule:?}"));
    }
    if spec.stop != (SweepRule { target: spec.stop.target, ..SweepRule::default() }) {
        line("ends", format!("{:?}", spec.stop));
    }
    if !spec.warm_start.is_empty() {
        line("begins", spec.warm_start.join(", "));
    }
    if let Some(rule) = &spec.stdout_rule {
        line("report", rule.clone());
    }
    if let Some(words) = first_command(spec) {
        line("runs", words);
    }
    lines.join("\n")
}

fn domain(parameter: &Parameter, spec: &SweepSpec) -> String {
    let mut out = format!("{:?}", parameter.domain);
    for when in &parameter.when {
        let parent = spec.parameters[when.parent].path.join(".");
        out.push_str(&format!(" when {parent} in {}", serde_json::json!(when.values)));
    }
    out
}

/// The first trial's command line, where no value of it depends on a machine's logarithms.
fn first_command(spec: &SweepSpec) -> Option<String> {
    let listed = |domain: &Domain| {
        matches!(domain, Domain::Constant(_) | Domain::Categorical { .. } | Domain::Integer { .. })
    };
    if !spec.parameters.iter().all(|parameter| listed(&parameter.domain)) {
        return None;
    }
    let params = propose(spec, 1, 1)?;
    let env = |name: &str| (name == "DATA_DIR").then(|| "/data".to_owned());
    let source = Source {
        program: &spec.program,
        command: &spec.command,
        params: &params,
        params_json_path: "/run/params.json",
        env: &env,
    };
    Some(match expand(&source) {
        Ok(words) => words.iter().map(|word| format!("[{word}]")).collect::<Vec<_>>().join(" "),
        Err(error) => format!("nothing: {error}"),
    })
}

#[test]
fn every_case_has_its_verdict_and_its_page() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for section in SECTIONS {
        let mut pages = Vec::new();
        for case in cases(section) {
            count += 1;
            let parsed = parse(&case.text);
            if verdict(&parsed) != case.verdict {
                wrong.push(format!(
                    "{}: `{}` is {}, not {}",
                    section.name,
                    case.title,
                    verdict(&parsed),
                    case.verdict
                ));
            }
            pages.push(page(&case, &parsed));
        }
        insta::with_settings!({prepend_module_to_snapshot => false, omit_expression => true}, {
            insta::assert_snapshot!(section.name, pages.join("\n"));
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(count >= 180, "only {count} cases");
}
