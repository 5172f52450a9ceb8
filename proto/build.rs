//! Generates the wire types at build time by protox, so that nobody needs a protoc.

use std::path::PathBuf;

use prost::Message as _;

const PROTOS: [&str; 4] =
    ["sweep/v1/agent.proto", "sweep/v1/model.proto", "sweep/v1/predict.proto", "sweep/v1/sweep.proto"];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for file in PROTOS {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(PROTOS, ["."])?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    // The reflection service answers from these bytes.
    std::fs::write(out.join("sweep_v1.bin"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure().compile_fds(descriptors)?;
    Ok(())
}
