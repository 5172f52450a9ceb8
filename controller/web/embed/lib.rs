//! The built files of the dashboard and the demo page, as `./dev web build` leaves them in `dist`, and the demo page's
//! samples. They are committed, so that nobody who builds the controller needs Node.

#![forbid(unsafe_code)]

use std::borrow::Cow;

#[derive(rust_embed::Embed)]
#[folder = "dist"]
struct Dist;

#[derive(rust_embed::Embed)]
#[folder = "samples"]
struct Samples;

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

/// A picture for the demo page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Its file name: `01.jpg`.
    pub name: String,
    /// A JPEG.
    pub bytes: Cow<'static, [u8]>,
}

/// Made-up faces, drawn by `sweep-train synth`, in the order of their names; what a demo page shows when whoever runs
/// the controller names no pictures.
pub fn samples() -> Vec<Sample> {
    let mut names: Vec<_> = Samples::iter().collect();
    names.sort();
    let found = |name: Cow<'static, str>| {
        Samples::get(&name).map(|file| Sample { name: name.into_owned(), bytes: file.data })
    };
    names.into_iter().filter_map(found).collect()
}

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
    fn the_samples_are_a_dozen_jpegs_in_order() {
        let samples = samples();
        let names: Vec<_> = samples.iter().map(|sample| sample.name.as_str()).collect();
        assert_eq!(names, (1..=12).map(|number| format!("{number:02}.jpg")).collect::<Vec<_>>());
        assert!(samples.iter().all(|sample| sample.bytes.starts_with(&[0xff, 0xd8, 0xff])));
    }
}
