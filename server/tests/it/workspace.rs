//! What the browser loads stays small and knows nothing of the server.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compressed with brotli, as browsers load it.
const LARGEST_BUNDLE: u64 = 300_000;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[test]
fn nothing_of_the_server_reaches_the_browser() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .current_dir(root())
        .args([
            "tree",
            "--locked",
            "--package",
            "hydrate",
            "--target",
            "wasm32-unknown-unknown",
        ])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .output()
        .expect("cargo runs");
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8(tree.stdout).expect("cargo writes text");
    let mut packages: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    packages.sort_unstable();
    packages.dedup();
    assert!(
        packages.contains(&"app") && packages.contains(&"leptos"),
        "{packages:?}"
    );
    let of_the_server = [
        "server",
        "sim",
        "sqlx",
        "tokio",
        "axum",
        "aws",
        "rustls",
        "reqwest",
        "hyper",
        "openidconnect",
        "leptos_axum",
    ];
    let strayed: Vec<&&str> = packages
        .iter()
        .filter(|package| {
            of_the_server
                .iter()
                .any(|name| *package == name || package.starts_with(&format!("{name}-")))
        })
        .collect();
    assert!(
        strayed.is_empty(),
        "the browser bundle depends on {strayed:?}: put what needs them behind the feature `ssr`"
    );
}

#[test]
fn the_bundle_is_small() {
    let site = std::env::var_os("YARDMASTER_SITE")
        .map(PathBuf::from)
        .unwrap_or_else(|| {
            let target =
                std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
            target.join("site")
        });
    let bundle = site.join("pkg/yardmaster_bg.wasm.br");
    let Ok(file) = std::fs::metadata(&bundle) else {
        panic!(
            "{} is not there, so its size would go untested: run `make site` (`make test` does)",
            bundle.display()
        );
    };
    assert!(
        file.len() <= LARGEST_BUNDLE,
        "the browser bundle has {} bytes with brotli, more than {LARGEST_BUNDLE}",
        file.len()
    );
}
