//! The event channel: JSON lines over the Unix socket in `SWEEP_SOCKET` (`docs/trial-protocol.md`).

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

use serde_json::{Value, json};

use super::{Event, Flow, Level, Observer, Values};

/// Speaks to the keeper.
pub struct Channel {
    to: UnixStream,
    /// A second handle that does not wait.
    from: UnixStream,
    heard: Vec<u8>,
    stop: Option<String>,
}

impl Channel {
    /// # Errors
    /// When nobody listens at the socket.
    pub fn connect(socket: &Path) -> io::Result<Self> {
        let to = UnixStream::connect(socket)?;
        let from = to.try_clone()?;
        Ok(Self { to, from, heard: Vec::new(), stop: None })
    }

    fn say(&mut self, event: &Event) -> io::Result<()> {
        let Some(line) = line(event) else { return Ok(()) };
        // Not waiting is a property of the socket, not of the handle.
        self.to.set_nonblocking(false)?;
        self.to.write_all((line.to_string() + "\n").as_bytes())
    }

    /// Takes in what was answered so far.
    fn listen(&mut self) -> io::Result<()> {
        self.from.set_nonblocking(true)?;
        let mut chunk = [0; 4096];
        loop {
            match self.from.read(&mut chunk) {
                Ok(0) => {
                    return Err(io::Error::new(ErrorKind::BrokenPipe, "the keeper closed the event channel"));
                }
                Ok(length) => self.heard.extend_from_slice(&chunk[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        while let Some(end) = self.heard.iter().position(|&byte| byte == b'\n') {
            let answer: Vec<u8> = self.heard.drain(..=end).collect();
            let reason = serde_json::from_slice::<Value>(&answer).ok();
            if let Some(reason) = reason.and_then(|answer| Some(answer.get("stop")?.as_str()?.to_owned())) {
                self.stop = Some(reason);
            }
        }
        Ok(())
    }
}

impl Observer for Channel {
    fn hear(&mut self, event: &Event) -> Flow {
        if let Err(error) = self.say(event).and_then(|()| self.listen()) {
            return Flow::Abort(format!(
                "the event channel broke, so nobody would hear of this training: {error}"
            ));
        }
        self.stop.clone().map_or(Flow::GoOn, Flow::Stop)
    }
}

/// An event as the protocol writes it; `None` for what it does not carry.
fn line(event: &Event) -> Option<Value> {
    Some(match event {
        Event::Versions(versions) => json!({"type": "info", "versions": versions}),
        Event::Step { values, .. } if values.is_empty() => return None,
        Event::EpochBegins { .. } => return None,
        Event::Step { step, epoch, values, .. } | Event::Metrics { step, epoch, values } => {
            json!({"type": "metrics", "step": step, "epoch": epoch, "values": numbers(values)})
        }
        Event::Media { name, step, value } => {
            json!({"type": "media", "name": name, "step": step, "value": value})
        }
        Event::Checkpoint { step, epoch, path, files, values } => json!({
            "type": "checkpoint",
            "step": step,
            "path": path,
            "epoch": epoch,
            "files": files,
            "metrics": numbers(values),
        }),
        Event::Resumable { step, epoch, path, files, sha256 } => json!({
            "type": "checkpoint",
            "step": step,
            "path": path,
            "epoch": epoch,
            "resume": true,
            "files": files,
            "sha256": sha256,
        }),
        Event::Log { level, text } => {
            let level = if *level == Level::Warning { "warning" } else { "info" };
            json!({"type": "log", "level": level, "text": text})
        }
    })
}

/// JSON has no non-finite numbers: they travel as strings.
fn numbers(values: &Values) -> Value {
    let number = |value: f64| match value {
        value if value.is_nan() => json!("NaN"),
        f64::INFINITY => json!("Infinity"),
        f64::NEG_INFINITY => json!("-Infinity"),
        value => json!(value),
    };
    values
        .iter()
        .map(|(name, &value)| (name.clone(), number(value)))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader};
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_best_models_checkpoint_names_its_files() {
        let event = Event::Checkpoint {
            step: 12,
            epoch: 2,
            path: "out/12.safetensors".into(),
            files: vec!["12.safetensors".to_owned(), "12.json".to_owned()],
            values: Values::from([("total-f1score".to_owned(), 0.5)]),
        };
        let wanted = json!({"type": "checkpoint", "step": 12, "path": "out/12.safetensors", "epoch": 2,
            "files": ["12.safetensors", "12.json"], "metrics": {"total-f1score": 0.5}});
        assert_eq!(line(&event), Some(wanted));
    }

    #[test]
    fn a_resume_checkpoint_names_its_files() {
        let event = Event::Resumable {
            step: 12,
            epoch: 1.5,
            path: "out/resume-1-12.safetensors".into(),
            files: vec!["resume-1-12.safetensors".to_owned(), "resume-1-12.json".to_owned()],
            sha256: "ab".to_owned(),
        };
        let wanted = json!({"type": "checkpoint", "step": 12, "path": "out/resume-1-12.safetensors", "epoch": 1.5,
            "resume": true, "files": ["resume-1-12.safetensors", "resume-1-12.json"], "sha256": "ab"});
        assert_eq!(line(&event), Some(wanted));
    }

    #[test]
    fn events_go_out_and_a_stop_comes_in() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).unwrap();
        let mut channel = Channel::connect(&path).unwrap();
        let (mut keeper, _) = listener.accept().unwrap();
        let values = Values::from([("loss".to_owned(), f64::NAN), ("f1".to_owned(), 0.5)]);
        let event = Event::Metrics { step: 3, epoch: 1.0, values };
        assert_eq!(channel.hear(&event), Flow::GoOn);
        let mut said = String::new();
        BufReader::new(keeper.try_clone().unwrap()).read_line(&mut said).unwrap();
        let said: Value = serde_json::from_str(&said).unwrap();
        assert_eq!(said["values"], json!({"loss": "NaN", "f1": 0.5}));

        keeper.write_all(b"{\"ack\":1}\n{\"stop\":\"below the median\"}\n{\"ack\"").unwrap();
        assert_eq!(channel.hear(&event), Flow::Stop("below the median".to_owned()));
        drop(keeper);
        assert!(matches!(channel.hear(&event), Flow::Abort(_)));
    }
}
