//! A trial program in miniature: it speaks the event channel of `docs/trial-protocol.md` and obeys a stop.
//!
//! `talker --points=N` tells N points, then ends; `--hold=true` then waits until it is told to stop.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;

fn main() -> std::io::Result<()> {
    let argument = |name: &str| {
        let prefix = format!("--{name}=");
        std::env::args().find_map(|argument| argument.strip_prefix(&prefix).map(str::to_owned))
    };
    let points: u64 = argument("points").and_then(|count| count.parse().ok()).unwrap_or(0);
    let hold = argument("hold").is_some_and(|hold| hold.eq_ignore_ascii_case("true"));
    let Some(socket) = std::env::var_os("SWEEP_SOCKET") else {
        return Err(std::io::Error::other("SWEEP_SOCKET is not set: this program is started by sweep-agent"));
    };
    let mut channel = UnixStream::connect(socket)?;
    for step in 1..=points {
        let square = (step * step) as f64;
        writeln!(
            channel,
            r#"{{"type":"metrics","step":{step},"epoch":{},"values":{{"square":{square}}}}}"#,
            step as f64 / 10.0
        )?;
        if step % 100 == 0 {
            writeln!(std::io::stdout(), "told {step} points")?;
        }
    }
    writeln!(channel, r#"{{"type":"log","text":"all is told"}}"#)?;
    if hold {
        // Every answer is a line; one of them is the stop.
        for line in BufReader::new(channel.try_clone()?).lines() {
            if line?.contains("\"stop\"") {
                break;
            }
        }
        writeln!(channel, r#"{{"type":"log","text":"stopping as told"}}"#)?;
    }
    Ok(())
}
