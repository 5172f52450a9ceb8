//! The built files of the dashboard and the demo page, as `./dev web build` leaves them in `dist`, and the demo page's
//! samples. They are committed, so that nobody who builds the controller needs Node.

#![forbid(unsafe_code)]

use std::borrow::Cow;

#[derive(rust_embed::Embed)]
#[folder = "dist"]
struct Dist;

/// A file of the web pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub bytes: Cow<'static, [u8]>,
    pub content_type: &'static str,
    /// Whether its name holds the hash of its content, so that it never changes under that name.
    pub hashed: bool,
}

/// The file at a path below the root, without a leading slash: `index.html`, `assets/board-1a2b3c4d.js`.
pub fn page(path: &str) -> Option<Page> {
    let file = Dist::get(path)?;
    Some(Page { bytes: file.data, content_type: content_type(path), hashed: path.starts_with("assets/") })
}

macro_rules! faces {
    ($($name:literal)*) => { &[$(($name, include_bytes!(concat!("../samples/", $name)))),*] };
}

/// Made-up faces, drawn by `sweep-train synth`: file names and JPEGs, in order. A demo page shows them when whoever runs the
/// controller names no pictures.
pub const SAMPLES: &[(&str, &[u8])] = faces!(
    "01.jpg" "02.jpg" "03.jpg" "04.jpg" "05.jpg" "06.jpg"
    "07.jpg" "08.jpg" "09.jpg" "10.jpg" "11.jpg" "12.jpg"
);

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" => "image/jpeg",
        "txt" => "text/plain; charset=utf-8",
        "json" => "application/json",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pages_are_built_and_so_is_what_they_load() {
        for name in ["index.html", "demo.html"] {
            let page = page(name).unwrap();
            let text = String::from_utf8(page.bytes.into_owned()).unwrap();
            let loaded: Vec<&str> = text.split('"').filter(|part| part.starts_with("/assets/")).collect();
            assert!(!loaded.is_empty(), "{name} loads nothing");
            for path in loaded {
                assert!(super::page(&path[1..]).is_some_and(|file| file.hashed), "{name} loads {path}");
            }
        }
        assert_eq!(page("../Cargo.toml"), None);
    }

    #[test]
    fn the_samples_are_a_dozen_different_jpegs() {
        let pictures: std::collections::BTreeSet<_> = SAMPLES.iter().map(|(_, bytes)| bytes).collect();
        assert_eq!(pictures.len(), 12);
        assert!(pictures.iter().all(|bytes| bytes.starts_with(&[0xff, 0xd8, 0xff])));
    }
}
