mod asha;
mod hyperband;
mod median;
mod patience;
mod replay;
mod sweep;

use super::*;

/// A point at an epoch; ten steps and a minute each.
fn at(epoch: f64, value: f64) -> Point {
    Point { step: (epoch * 10.0) as u64, epoch, seconds: epoch * 60.0, value }
}

/// Points at epochs 1, 2, ...
fn curve(values: &[f64]) -> Vec<Point> {
    values.iter().zip(1..).map(|(&value, epoch)| at(f64::from(epoch), value)).collect()
}

fn asha(eta: f64, max: f64, promote: Promote) -> Asha {
    Asha { resource: Resource::Epoch, min: 1.0, max, eta, grace: 0.0, brackets: 1, promote }
}

fn judge(rule: Asha) -> Judge {
    Judge::new(Rule::Asha(rule), Goal::Minimize)
}

/// `go`, `stop` or `pause`.
fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Continue => "go",
        Verdict::Stop(_) => "stop",
        Verdict::Pause(_) => "pause",
    }
}

fn reason(verdict: &Verdict) -> String {
    verdict.reason().map(ToString::to_string).unwrap_or_default()
}

#[test]
fn a_better_value_comes_first_and_one_that_is_not_finite_last() {
    let judge = |goal| Judge::new(Rule::Asha(asha(3.0, 9.0, Promote::Stop)), goal);
    for (goal, a, b, better) in [
        (Goal::Minimize, Some(1.0), Some(2.0), true),
        (Goal::Minimize, Some(2.0), Some(2.0), false),
        (Goal::Minimize, Some(-0.0), Some(0.0), false),
        (Goal::Maximize, Some(1.0), Some(2.0), false),
        (Goal::Maximize, Some(-9.0), None, true),
        (Goal::Minimize, None, Some(9.0), false),
        (Goal::Minimize, None, None, false),
    ] {
        assert_eq!(judge(goal).better(a, b), better, "{goal:?} {a:?} {b:?}");
    }
}

#[test]
fn points_are_written_and_read_back_whatever_their_numbers() {
    let points = [
        Point { step: 3, epoch: f64::NAN, seconds: 0.1, value: f64::NEG_INFINITY },
        Point { step: 4, epoch: 0.5, seconds: 1e-9, value: f64::INFINITY },
    ];
    let text = serde_json::to_string(&points).expect("is written");
    assert_eq!(
        text,
        r#"[{"step":3,"epoch":"NaN","seconds":0.1,"value":"-Infinity"},{"step":4,"epoch":0.5,"seconds":1e-9,"value":"Infinity"}]"#
    );
    let back: Vec<Point> = serde_json::from_str(&text).expect("is read");
    assert!(back[0].epoch.is_nan() && back[0].value == f64::NEG_INFINITY && back[1] == points[1]);
    assert!(serde_json::from_str::<Point>(&text.replace("NaN", "none")[1..70]).is_err());
}
