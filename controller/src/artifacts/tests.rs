use proptest::prelude::*;

use super::*;

fn file(content: &[u8]) -> FileRef {
    FileRef::new("weights.safetensors", content::digest(content).unwrap().0, content.len() as u64).unwrap()
}

async fn store(place: &Path) -> Artifacts {
    Artifacts::open(&place.join("artifacts").display().to_string(), &place.join("incoming")).await.unwrap()
}

async fn content(store: &Artifacts, sha256: &str, offset: u64) -> Vec<u8> {
    let chunks: Vec<Bytes> = store.get(sha256, offset).await.unwrap().try_collect().await.unwrap();
    chunks.concat()
}

fn parts(place: &Path) -> usize {
    std::fs::read_dir(place.join("incoming")).unwrap().count()
}

#[tokio::test]
async fn a_file_is_visible_only_when_it_is_whole() {
    let place = tempfile::tempdir().unwrap();
    let artifacts = store(place.path()).await;
    let bytes: Vec<u8> = (0..3_000_000_u32).map(|at| (at % 251) as u8).collect();
    let file = file(&bytes);
    let half = Received { bytes: 1_000_000, complete: false };
    assert_eq!(artifacts.put(&file, 0, &bytes[..1_000_000]).await.unwrap(), half);
    assert!(!artifacts.has(&file).await.unwrap());
    assert!(matches!(artifacts.get(&file.sha256, 0).await, Err(ArtifactError::Missing { .. })));
    // A gap is not taken, and the same again changes nothing.
    assert_eq!(artifacts.put(&file, 2_000_000, &bytes[2_000_000..]).await.unwrap(), half);
    assert_eq!(artifacts.put(&file, 0, &bytes[..500_000]).await.unwrap(), half);
    // Another process goes on where this one was.
    drop(artifacts);
    let artifacts = store(place.path()).await;
    assert_eq!(artifacts.put(&file, 0, &[]).await.unwrap(), half);
    let whole = Received { bytes: 3_000_000, complete: true };
    assert_eq!(artifacts.put(&file, 900_000, &bytes[900_000..]).await.unwrap(), whole);
    assert!(artifacts.has(&file).await.unwrap());
    assert!(content(&artifacts, &file.sha256, 0).await == bytes);
    assert!(content(&artifacts, &file.sha256, 2_999_990).await == bytes[2_999_990..]);
    assert!(content(&artifacts, &file.sha256, 3_000_000).await.is_empty());
    assert_eq!(parts(place.path()), 0);
    // Sent once more, it is there before the first byte.
    assert_eq!(artifacts.put(&file, 0, &[]).await.unwrap(), whole);
    artifacts.remove(&file.sha256).await.unwrap();
    artifacts.remove(&file.sha256).await.unwrap();
    assert!(!artifacts.has(&file).await.unwrap());
}

#[tokio::test]
async fn what_is_not_as_announced_is_thrown_away() {
    let place = tempfile::tempdir().unwrap();
    let artifacts = store(place.path()).await;
    let file = file(b"weights");
    let sent = artifacts.put(&file, 0, b"wights!").await;
    assert!(matches!(sent, Err(ArtifactError::Mismatch { .. })), "{sent:?}");
    assert_eq!(parts(place.path()), 0);
    assert!(artifacts.put(&file, 0, b"weights and more than was announced").await.unwrap().complete);
    assert_eq!(content(&artifacts, &file.sha256, 0).await, b"weights");
}

#[tokio::test]
async fn memory_takes_files_in_one_piece() {
    let artifacts = Artifacts::in_memory();
    let file = file(b"weights");
    for (offset, data) in [(0, &b"weig"[..]), (4, b"hts"), (0, b"")] {
        let nothing = Received { bytes: 0, complete: false };
        assert_eq!(artifacts.put(&file, offset, data).await.unwrap(), nothing);
    }
    let sent = artifacts.put(&file, 0, b"wights!").await;
    assert!(matches!(sent, Err(ArtifactError::Mismatch { .. })), "{sent:?}");
    assert!(!artifacts.has(&file).await.unwrap());
    let whole = Received { bytes: 7, complete: true };
    assert_eq!(artifacts.put(&file, 0, b"weights").await.unwrap(), whole);
    assert_eq!(artifacts.clone().put(&file, 0, b"").await.unwrap(), whole);
    assert_eq!(content(&artifacts, &file.sha256, 2).await, b"ights");
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    let place = tempfile::tempdir().unwrap();
    let artifacts = store(place.path()).await;
    let file = file(b"");
    assert!(artifacts.put(&file, 0, &[]).await.unwrap().complete);
    assert!(artifacts.has(&file).await.unwrap());
}

#[tokio::test]
async fn several_senders_of_one_file_do_not_disturb_each_other() {
    let place = tempfile::tempdir().unwrap();
    let artifacts = store(place.path()).await;
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let file = file(&bytes);
    let mut senders = tokio::task::JoinSet::new();
    for piece in [1_000, 7_777, 50_000] {
        let (artifacts, file, bytes) = (artifacts.clone(), file.clone(), bytes.clone());
        senders.spawn(async move {
            let mut at = Received { bytes: 0, complete: false };
            while !at.complete {
                let from = at.bytes as usize;
                let data = &bytes[from..(from + piece).min(bytes.len())];
                at = artifacts.put(&file, at.bytes, data).await.unwrap();
            }
        });
    }
    while let Some(sent) = senders.join_next().await {
        sent.unwrap();
    }
    assert!(content(&artifacts, &file.sha256, 0).await == bytes);
}

#[tokio::test]
async fn buckets_are_opened_by_url() {
    let place = tempfile::tempdir().unwrap();
    for url in ["s3://bucket/x", "gs://bucket/x", "az://container/x"] {
        let opened = Artifacts::open(url, &place.path().join("incoming")).await;
        // Without credentials some say so at once; none of them is unknown, and TLS is there.
        let said = opened.map_or_else(|error| error.to_string(), |store| store.to_string());
        assert!(said.contains(url) && !said.contains("nable to recognise"), "{said}");
    }
}

#[tokio::test]
async fn a_place_that_is_no_store_is_named() {
    let place = tempfile::tempdir().unwrap();
    let taken = place.path().join("file");
    std::fs::write(&taken, "x").unwrap();
    for bad in [&*taken.display().to_string(), "carrier-pigeon://coop", "s3:///"] {
        let error = Artifacts::open(bad, &place.path().join("incoming")).await.unwrap_err();
        let said = error.to_string();
        assert!(said.contains(bad) && said.contains("\n  name a folder"), "{said}");
        // Each cause once.
        assert!(said.matches("nable to recognise").count() <= 1, "{said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever chunks come in whatever order, in the end the file is what was announced, or not there.
    #[test]
    fn chunks_in_any_order_never_make_another_file(
        size in 1_usize..200,
        chunks in prop::collection::vec((0_usize..200, 0_usize..80), 0..60),
    ) {
        let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
        let file = file(&bytes);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let place = tempfile::tempdir().unwrap();
            let artifacts = store(place.path()).await;
            for (from, length) in chunks {
                let from = from.min(size);
                let data = &bytes[from..(from + length).min(size)];
                let received = artifacts.put(&file, from as u64, data).await.unwrap();
                assert_eq!(received.complete, artifacts.has(&file).await.unwrap());
            }
            let mut received = artifacts.put(&file, 0, &[]).await.unwrap();
            while !received.complete {
                received = artifacts.put(&file, received.bytes, &bytes[received.bytes as usize..]).await.unwrap();
            }
            assert_eq!(content(&artifacts, &file.sha256, 0).await, bytes);
        });
    }
}
