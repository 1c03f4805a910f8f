//! Tells the linker what a Node addon needs; nothing else happens at build time.

fn main() {
    napi_build::setup();
}
