//! Compiles the few lines of C++ that call what tch does not wrap; and lets executables and tests find libtorch where
//! the build found it, without LD_LIBRARY_PATH.

use std::path::{Path, PathBuf};

fn main() {
    // torch-sys tells where its libtorch lies; without the direct dependency on it this would be unset.
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
        compile(Path::new(&lib));
    }
    // A linker that drops "unused" libraries would drop the CUDA half, and CUDA would read as unavailable.
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-ltorch");
}

/// The headers lie beside the libraries, in a libtorch as in Python's torch; torch-sys reads these variables too.
fn compile(lib: &Path) {
    println!("cargo:rerun-if-changed=native/torch.cpp");
    println!("cargo:rerun-if-env-changed=LIBTORCH_INCLUDE");
    println!("cargo:rerun-if-env-changed=LIBTORCH_CXX11_ABI");
    let home = std::env::var_os("LIBTORCH_INCLUDE").map_or_else(|| lib.join(".."), PathBuf::from);
    let abi = std::env::var("LIBTORCH_CXX11_ABI").unwrap_or_else(|_| "1".to_owned());
    cc::Build::new()
        .cpp(true)
        .pic(true)
        .warnings(false)
        .debug(false)
        .std("c++17")
        .define("_GLIBCXX_USE_CXX11_ABI", abi.as_str())
        .include(home.join("include"))
        .include(home.join("include/torch/csrc/api/include"))
        .file("native/torch.cpp")
        .compile("sweep_torch");
}
