use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

/// How the server treats one request.
#[derive(Clone, Copy)]
enum Manner {
    /// As a server should, ranges included.
    Good,
    /// Breaks off after so many bytes.
    Breaks(usize),
    /// Knows no ranges.
    Whole,
    Status(u16),
}

/// A web server of one file. Each request is treated in the next manner, the last one again and again.
struct Server {
    base: String,
    /// The `Range` of each request.
    asked: Arc<Mutex<Vec<Option<String>>>>,
}

fn content() -> Vec<u8> {
    (0..300_000u32).flat_map(|at| at.wrapping_mul(2_654_435_761).to_le_bytes()).collect()
}

/// A name that promises the content's hash.
fn name() -> String {
    format!("tiny-{}.pth", hex(&Sha256::digest(content())[..4]))
}

impl Server {
    fn start(manners: &[Manner]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}/models", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (manners, log) = (manners.to_vec(), Arc::clone(&asked));
        thread::spawn(move || {
            for (at, stream) in listener.incoming().enumerate() {
                let manner = manners[at.min(manners.len() - 1)];
                // A client that went away is the client's affair.
                let _gone = answer(&stream.unwrap(), manner, &log);
            }
        });
        Self { base, asked }
    }

    fn asked(&self) -> Vec<Option<String>> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut stream: &TcpStream, manner: Manner, log: &Mutex<Vec<Option<String>>>) -> std::io::Result<()> {
    let mut range = None;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("range: bytes=") {
            range = Some(value.to_owned());
        }
    }
    log.lock().unwrap().push(range.clone());
    let content = content();
    let from: usize = range.as_deref().map_or(0, |range| range.trim_end_matches('-').parse().unwrap());
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    let (head, body, most) = match manner {
        Manner::Status(status) => (head(&format!("{status} No"), 0), &content[..0], usize::MAX),
        Manner::Whole => (head("200 OK", content.len()), &content[..], usize::MAX),
        _ if from >= content.len() => (head("416 Range Not Satisfiable", 0), &content[..0], usize::MAX),
        Manner::Good | Manner::Breaks(_) => {
            let rest = &content[from..];
            let status = if from > 0 { "206 Partial Content" } else { "200 OK" };
            let most = if let Manner::Breaks(most) = manner { most } else { usize::MAX };
            (head(status, rest.len()), rest, most)
        }
    };
    stream.write_all(head.as_bytes())?;
    stream.write_all(&body[..body.len().min(most)])
}

fn get(server: &Server, cache: &Path) -> (Result<PathBuf, TrainError>, String) {
    let mut told = Vec::new();
    let got = fetch(&name(), &server.base, cache, &mut |line| {
        told.push(line);
        Ok(())
    });
    (got, told.join("\n"))
}

#[test]
fn a_file_is_fetched_once_with_progress() {
    let server = Server::start(&[Manner::Good]);
    let cache = tempfile::tempdir().unwrap();
    let (got, told) = get(&server, &cache.path().join("deep/er"));
    let path = got.unwrap();
    assert_eq!(fs::read(&path).unwrap(), content());
    assert!(told.contains("2 of 2 MB") && told.contains("its hash is right"), "{told}");
    let (again, told) = get(&server, &cache.path().join("deep/er"));
    assert_eq!((again.unwrap(), &*told), (path, ""));
    assert_eq!(server.asked(), [None]);
}

#[test]
fn a_broken_download_goes_on_where_it_broke() {
    let server = Server::start(&[Manner::Breaks(400_000), Manner::Breaks(500_000), Manner::Good]);
    let cache = tempfile::tempdir().unwrap();
    let (got, _) = get(&server, cache.path());
    assert_eq!(fs::read(got.unwrap()).unwrap(), content());
    assert_eq!(server.asked(), [None, Some("400000-".to_owned()), Some("900000-".to_owned())]);
}

#[test]
fn a_download_that_another_process_left_is_taken_up() {
    let server = Server::start(&[Manner::Good]);
    let cache = tempfile::tempdir().unwrap();
    let part = cache.path().join(format!("{}.part", name()));
    for left in [700_000, content().len()] {
        fs::write(&part, &content()[..left]).unwrap();
        let path = get(&server, cache.path()).0.unwrap();
        assert_eq!(fs::read(&path).unwrap(), content());
        fs::remove_file(path).unwrap();
    }
    assert_eq!(server.asked(), [Some("700000-".to_owned()), Some("1200000-".to_owned())]);
}

#[test]
fn a_server_without_ranges_is_asked_for_all_of_it() {
    let server = Server::start(&[Manner::Breaks(400_000), Manner::Whole]);
    let cache = tempfile::tempdir().unwrap();
    let path = get(&server, cache.path()).0.unwrap();
    assert_eq!(fs::read(path).unwrap(), content());
}

#[test]
fn what_is_not_what_its_name_promises_is_refused_and_not_kept() {
    let server = Server::start(&[Manner::Good]);
    let cache = tempfile::tempdir().unwrap();
    let failed = fetch("resnet18-f37072fd.pth", &server.base, cache.path(), &mut |_| Ok(()));
    let said = failed.unwrap_err().to_string();
    assert!(said.contains("f37072fd is promised"), "{said}");
    let left: Vec<_> = fs::read_dir(cache.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["resnet18-f37072fd.pth.lock"]);
}

#[test]
fn what_cannot_be_had_is_said_with_the_fix() {
    let cache = tempfile::tempdir().unwrap();
    let server = Server::start(&[Manner::Status(404)]);
    let said = get(&server, cache.path()).0.unwrap_err().to_string();
    for words in [
        &*format!("{}/{}", server.base, name()),
        "the server answered 404",
        "--weights_url",
        "--weights none",
    ] {
        assert!(said.contains(words), "{words} in: {said}");
    }
    // A port that was free a moment ago: nobody listens there.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = Server { base: format!("http://127.0.0.1:{port}"), asked: Arc::default() };
    let said = get(&nobody, cache.path()).0.unwrap_err().to_string();
    assert!(said.contains("cannot fetch") && said.contains(&*cache.path().to_string_lossy()), "{said}");
    let hopeless = Server::start(&[Manner::Breaks(0)]);
    let said = get(&hopeless, cache.path()).0.unwrap_err().to_string();
    assert!(said.contains("broke 4 times"), "{said}");
}

#[test]
fn several_at_once_fetch_it_once() {
    let server = Server::start(&[Manner::Good]);
    let cache = tempfile::tempdir().unwrap();
    let fetched = thread::scope(|scope| {
        let each: Vec<_> = (0..4).map(|_| scope.spawn(|| get(&server, cache.path()).0.unwrap())).collect();
        each.into_iter().map(|one| one.join().unwrap()).collect::<Vec<_>>()
    });
    for path in fetched {
        assert_eq!(fs::read(path).unwrap(), content());
    }
    assert_eq!(server.asked().len(), 1);
}

#[test]
fn names_are_torchvisions() {
    for depth in [ResnetType::Resnet18, ResnetType::Resnet34, ResnetType::Resnet50, ResnetType::Resnet101] {
        let name = imagenet(depth);
        assert!(name.starts_with(depth.word()) && name.len() == depth.word().len() + 13, "{name}");
    }
    assert_eq!(imagenet(ResnetType::Resnet150), imagenet(ResnetType::Resnet152));
}
