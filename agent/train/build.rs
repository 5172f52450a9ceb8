//! Executables and tests find libtorch where the build found it, without LD_LIBRARY_PATH.

fn main() {
    // torch-sys tells where its libtorch lies; without the direct dependency on it this would be unset.
    if let Ok(lib) = std::env::var("DEP_TCH_LIBTORCH_LIB") {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{lib}");
    }
    // A linker that drops "unused" libraries would drop the CUDA half, and CUDA would read as unavailable.
    println!("cargo:rustc-link-arg=-Wl,--no-as-needed");
    println!("cargo:rustc-link-arg=-ltorch");
}
