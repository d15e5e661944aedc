//! Which options of NixOS and disko, which no module here declares, are submodules: evaluations of
//! their own, whose modules are the definitions.
//!
//! Sources: `fileSystems` in NixOS/nixpkgs nixos/modules/tasks/filesystems.nix; `disko.devices` in
//! nix-community/disko lib/default.nix and lib/types/.

/// Whether an option of NixOS or disko at this path is a submodule.
pub fn is_submodule(path: &[impl AsRef<str>]) -> bool {
    let names: Vec<&str> = path.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        ["fileSystems", _] | ["disko", "devices"] => true,
        ["disko", "devices", _, _] => true,
        ["disko", "devices", _, _, .., above, last] => {
            *last == "content"
                || matches!(
                    *above,
                    "partitions" | "subvolumes" | "lvs" | "datasets" | "swap"
                )
        }
        ["disko", "devices", _, _, last] => *last == "content",
        _ => false,
    }
}
