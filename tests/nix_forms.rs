//! Owns: every form in which real configurations write mount options, each a small project of its
//! own, as the real Nix evaluates it and as ours reads it; and that each option knows its literal.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may end so"
)]

#[allow(dead_code, reason = "each test uses its part of it")]
#[path = "common/nix.rs"]
mod nix;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use btrfs_tune::project::Project;
use rnix::ast;
use serde_json::Value as Json;

/// Options that no literal wrote as they are: the form computes them.
const COMPUTED: &[&str] = &["json: noatime", "json: nodev"];

/// The projects below `tests/nix_forms`: files, and directories with a flake.
fn forms() -> Vec<(String, PathBuf)> {
    let directory = nix::repository().join("tests/nix_forms");
    let mut forms: Vec<(String, PathBuf)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            (
                path.file_stem().unwrap().to_string_lossy().into_owned(),
                path,
            )
        })
        .collect();
    forms.sort();
    forms
}

/// Mount point → device and options.
type Mounts = BTreeMap<String, (String, Vec<String>)>;

/// What Nix says of the btrfs mounts of a project.
fn real(path: &Path) -> Result<Mounts, String> {
    let evaluate = nix::repository()
        .join("nix/evaluate.nix")
        .display()
        .to_string();
    let root = path.display().to_string();
    let mut arguments = vec![evaluate.as_str(), "--argstr", "root", root.as_str()];
    if path.is_dir() {
        arguments.extend(["--argstr", "host", "host"]);
    }
    let answer = nix::instantiate(&arguments)?;
    let text = |json: &Json| json.as_str().expect("a string").to_owned();
    let mounts = answer["fileSystems"].as_object().expect("a set").iter();
    Ok(mounts
        .filter(|(_, fs)| fs["fsType"] == "btrfs")
        .map(|(point, fs)| {
            let options = fs["options"].as_array().expect("a list").iter();
            (
                point.clone(),
                (text(&fs["device"]), options.map(text).collect()),
            )
        })
        .collect())
}

/// What ours reads of them, and how many options stand at a literal that says just that.
fn ours(name: &str, path: &Path) -> Result<(Mounts, Vec<String>, usize), String> {
    let project = Project::open(path).map_err(|e| e.to_string())?;
    let sources = project.sources();
    let hosts = project.hosts(&sources).names();
    let host = hosts.first().ok_or("no host")?;
    let evaluated = project
        .evaluate(&sources, host)
        .map_err(|u| u.why.to_string())?;
    let sources = evaluated.evaluator.sources();
    let (mut mounts, mut placed) = (Mounts::new(), 0);
    let mut mixed = Vec::new();
    for filesystem in &evaluated.host().storage.filesystems {
        for mount in &filesystem.mounts {
            let point = &mount.mountpoint;
            let known = mount.options.known();
            let options = known.ok_or_else(|| format!("{point}: {:?}", mount.options))?;
            for option in options {
                let derived = option.value.starts_with("subvol=") || option.value == "defaults";
                match option.at {
                    Some(at) => {
                        let text = sources.text(at);
                        if !says(&text, &option.value)
                            && !COMPUTED.contains(&format!("{name}: {}", option.value).as_str())
                        {
                            return Err(format!("{point}: {:?} at {text}", option.value));
                        }
                        placed += 1;
                    }
                    None if derived => {}
                    None => return Err(format!("{point}: {:?} has no place", option.value)),
                }
            }
            let mut options: Vec<String> = options.iter().map(|o| o.value.clone()).collect();
            // The model keeps what was written for disko in front of what fileSystems adds: where
            // both orders mean the same, Nix's own order is no matter.
            if mount.added.is_some() {
                options.sort();
                mixed.push(point.clone());
            }
            let device = filesystem.device.as_ref();
            let device = device.map_err(|why| format!("{point}: {why:?}"))?;
            mounts.insert(point.clone(), (device.value.clone(), options));
        }
    }
    Ok((mounts, mixed, placed))
}

/// The mounts with the options of some of them in the order of their text.
fn sorted(mounts: &Mounts, which: &[String]) -> Mounts {
    let mut mounts = mounts.clone();
    for point in which {
        if let Some((_, options)) = mounts.get_mut(point) {
            options.sort();
        }
    }
    mounts
}

/// Whether a text is a string literal of this value; with interpolation, one that may have it.
fn says(text: &str, value: &str) -> bool {
    let Some(ast::Expr::Str(string)) = rnix::Root::parse(text).ok().ok().and_then(|r| r.expr())
    else {
        return false;
    };
    let mut rest = value;
    let mut fixed = true;
    for part in string.normalized_parts() {
        match part {
            ast::InterpolPart::Literal(text) => match rest.find(&text) {
                Some(at) if at == 0 || !fixed => {
                    rest = &rest[at + text.len()..];
                    fixed = true;
                }
                _ => return false,
            },
            ast::InterpolPart::Interpolation(_) => fixed = false,
        }
    }
    rest.is_empty() || !fixed
}

#[test]
fn every_form_is_read_as_nix_evaluates_it() {
    if !nix::is_there("the forms of configurations") {
        return;
    }
    let forms = forms();
    let (queue, answers) = (Mutex::new(forms.clone()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = queue.lock().unwrap().pop();
                    let Some((name, path)) = next else { break };
                    let answer = real(&path);
                    answers.lock().unwrap().insert(name, answer);
                }
            });
        }
    });
    let answers = answers.into_inner().unwrap();
    let (mut wrong, mut placed) = (Vec::new(), 0);
    for (name, path) in &forms {
        match (ours(name, path), &answers[name]) {
            (Ok((ours, mixed, at)), Ok(real))
                if !real.is_empty() && ours == sorted(real, &mixed) =>
            {
                placed += at;
            }
            (ours, real) => {
                let ours = ours.map(|(mounts, ..)| mounts);
                wrong.push(format!("{name}\n  ours {ours:?}\n  nix  {real:?}"));
            }
        }
    }
    println!("{} forms, {placed} options at their literals", forms.len());
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        forms.len(),
        wrong.join("\n")
    );
    assert!(
        forms.len() >= 45 && placed >= 150,
        "{} forms, {placed} options",
        forms.len()
    );
}
