//! Owns: that nothing Nix is asked can hurt: limits, network, the user's tree, names, versions.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use btrfs_tune::nix::oracle::{Flavour, Limits, OracleError, Subject, Version, ask, hosts};

use super::common::project::{Git, Project, have, program, ran};
use super::{ALPHA, FLAKE, alone, asked, inputs, project, question, quick, subject, value, why};

#[test]
fn what_takes_too_long_is_stopped_with_all_its_processes() {
    if !have(
        "nix",
        "what_takes_too_long_is_stopped_with_all_its_processes",
    ) {
        return;
    }
    let host = format!("endless-{}", std::process::id());
    let flake = FLAKE.replace("alpha =", &format!("{host} ="));
    let module = r#"{
  boot.kernel.sysctl.loop = let f = n: if n == 0 then 0 else f (n - 1) + f (n - 1); in f 60;
}"#;
    let project = project(&[("flake.nix", &flake), ("alpha.nix", module)]);
    let limits = Limits {
        time: Duration::from_secs(2),
        ..Limits::default()
    };
    let question = question(&[&["boot", "kernel", "sysctl", "*"]]);
    let start = Instant::now();
    let error = ask(&subject(&project, &host), &question, &limits).unwrap_err();
    assert!(matches!(error, OracleError::TimedOut(2)), "{error}");
    assert!(error.help().contains("--eval-timeout"), "{}", error.help());
    assert!(
        start.elapsed() < Duration::from_secs(6),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(alive(&host), Vec::<PathBuf>::new());
}

/// The Nix processes that were asked about a host.
fn alive(host: &str) -> Vec<PathBuf> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .map(|process| process.path().join("cmdline"))
        .filter(|path| {
            let line = fs::read(path).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains(host) && line.contains("nix-instantiate")
        })
        .collect()
}

#[test]
fn who_is_killed_leaves_no_nix_behind() {
    if !have("nix", "who_is_killed_leaves_no_nix_behind") {
        return;
    }
    let host = format!("orphan-{}", std::process::id());
    let flake = FLAKE.replace("alpha =", &format!("{host} ="));
    let module = r#"{
  fileSystems."/".options = let f = n: if n == 0 then [ ] else f (n - 1) ++ f (n - 1); in f 60;
}"#;
    let project = project(&[("flake.nix", &flake), ("alpha.nix", module)]);
    // Read statically, the loop ends with its budget; both readers get to it.
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_btrfs-tune"))
        .current_dir(&project.path)
        .args(["fix", "--eval"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while alive(&host).is_empty() {
        assert_eq!(child.try_wait().unwrap(), None, "it ended by itself");
        assert!(start.elapsed() < Duration::from_secs(50));
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let start = Instant::now();
    while !alive(&host).is_empty() {
        assert!(start.elapsed() < Duration::from_secs(5), "Nix lives on");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn memory_and_output_are_bounded() {
    if !have("nix", "memory_and_output_are_bounded") {
        return;
    }
    let hungry = r#"{
  boot.kernel.sysctl.big = builtins.length (builtins.genList (x: { inherit x; }) 1000000000);
}"#;
    let question = question(&[&["boot", "kernel", "sysctl", "*"]]);
    let hungry = project(&[("flake.nix", FLAKE), ("alpha.nix", hungry)]);
    let limits = Limits {
        memory: 1 << 30,
        ..quick()
    };
    let error = ask(&subject(&hungry, "alpha"), &question, &limits).unwrap_err();
    assert!(matches!(error, OracleError::Memory(1024)), "{error:?}");
    let verbose = r#"{
  boot.kernel.sysctl.long = builtins.concatStringsSep "" (builtins.genList (x: "0123456789") 400000);
}"#;
    let verbose = project(&[("flake.nix", FLAKE), ("alpha.nix", verbose)]);
    let limits = Limits {
        output: 1 << 20,
        ..quick()
    };
    let error = ask(&subject(&verbose, "alpha"), &question, &limits).unwrap_err();
    assert!(matches!(error, OracleError::TooMuch(1)), "{error:?}");
}

const FAR: &str = r#"{
  inputs.far.url = "github:nobody/nothing/main";
  inputs.nixpkgs.url = "path:./nixpkgs";
  outputs = { nixpkgs, far, ... }: {
    nixosConfigurations.alpha = nixpkgs.lib.nixosSystem { modules = [ far.nixosModules.x ]; };
  };
}
"#;

const FAR_LOCK: &str = r#"{
  "nodes": {
    "far": {
      "locked": {
        "lastModified": 1700000000,
        "narHash": "sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
        "owner": "nobody",
        "repo": "nothing",
        "rev": "0123456789012345678901234567890123456789",
        "type": "github"
      },
      "original": { "owner": "nobody", "ref": "main", "repo": "nothing", "type": "github" }
    },
    "root": { "inputs": { "far": "far" } }
  },
  "root": "root",
  "version": 7
}
"#;

#[test]
fn without_network_a_far_input_is_named_at_once() {
    if !have("nix", "without_network_a_far_input_is_named_at_once") {
        return;
    }
    let locked = project(&[("flake.nix", FAR), ("flake.lock", FAR_LOCK)]);
    let free = project(&[("flake.nix", FAR)]);
    for project in [&locked, &free] {
        let start = Instant::now();
        let error = asked(&subject(project, "alpha"), &[&["fileSystems", "*"]]).unwrap_err();
        let OracleError::Input { input, network, .. } = &error else {
            panic!("{error:?}");
        };
        assert!(!network);
        assert!(input.contains("nobody/nothing"), "{input}");
        assert!(error.help().contains("--eval-network"), "{}", error.help());
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{:?}",
            start.elapsed()
        );
        let ran = project.run(&["fix", "--eval"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains("--eval-network"), "{}", ran.err);
    }
    let error = asked(&subject(&locked, "alpha"), &[&["fileSystems", "*"]]).unwrap_err();
    assert!(error.to_string().contains("`far`"), "{error}");
}

/// Serves one file to whoever asks; counts the requests.
fn serve(body: Vec<u8>) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            count.fetch_add(1, Ordering::SeqCst);
            let _ = stream.read(&mut [0; 4096]);
            let length = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
            let _ = stream.write_all(head.as_bytes());
            let _ = stream.write_all(&body);
        }
    });
    (port, asked)
}

#[test]
fn inputs_are_fetched_only_if_that_is_allowed() {
    let test = "inputs_are_fetched_only_if_that_is_allowed";
    if !have("nix", test) || !have("tar", test) {
        return;
    }
    let project = project(&[("alpha.nix", ALPHA)]);
    let archive = project.root.join("site.tar.gz");
    let mut tar = std::process::Command::new("tar");
    tar.arg("-czf")
        .arg(&archive)
        .arg("-C")
        .arg(&project.path)
        .arg("site");
    assert!(tar.status().unwrap().success());
    let (port, count) = serve(fs::read(&archive).unwrap());
    let url = format!("http://127.0.0.1:{port}/site.tar.gz");
    project.write("flake.nix", FLAKE.replace("path:./site", &url));
    let path = ["boot", "kernel", "sysctl", "vm.swappiness"];
    let error = asked(&subject(&project, "alpha"), &[&path]).unwrap_err();
    assert!(
        matches!(&error, OracleError::Input { input, .. } if input.contains(&url)),
        "{error}"
    );
    assert_eq!(count.load(Ordering::SeqCst), 0);
    let limits = Limits {
        network: true,
        ..quick()
    };
    let answer = ask(&subject(&project, "alpha"), &question(&[&path]), &limits).unwrap();
    assert_eq!(value(&answer, &path), 7);
    assert!(count.load(Ordering::SeqCst) > 0);
    assert!(!project.path.join("flake.lock").exists());
}

/// Every file with its bytes and time of change.
fn tree(root: &Path) -> BTreeMap<PathBuf, (Vec<u8>, std::time::SystemTime)> {
    let mut files = BTreeMap::new();
    let mut directories = vec![root.to_path_buf()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => directories.push(path),
                false => {
                    let changed = fs::metadata(&path).unwrap().modified().unwrap();
                    files.insert(path.clone(), (fs::read(&path).unwrap(), changed));
                }
            }
        }
    }
    files
}

#[test]
fn the_tree_of_the_user_stays_as_it_is() {
    if !have("nix", "the_tree_of_the_user_stays_as_it_is") {
        return;
    }
    let none = project(&[("flake.nix", FLAKE), ("alpha.nix", ALPHA)]);
    // A lock file that Nix would complete.
    let partial = r#"{ "nodes": { "root": { "inputs": { } } }, "root": "root", "version": 7 }"#;
    let partial = project(&[
        ("flake.nix", FLAKE),
        ("alpha.nix", ALPHA),
        ("flake.lock", partial),
    ]);
    for project in [&none, &partial] {
        let before = tree(&project.root);
        asked(&subject(project, "alpha"), &[&["swapDevices"]]).unwrap();
        let ran = project.run(&["fix", "--eval", "--format", "json"]);
        assert!(ran.code.is_some_and(|code| code < 2), "{ran:?}");
        assert_eq!(before, tree(&project.root));
    }
}

#[test]
fn names_and_paths_are_only_names() {
    if !have("nix", "names_and_paths_are_only_names") {
        return;
    }
    const NAMES: [&str; 5] = [
        "a\"b'c",
        "new\nline",
        "${builtins.throw \"x\"}",
        "$(touch pwned); `touch pwned`",
        "--option",
    ];
    let quoted = |name: &str| btrfs_tune::nix::syntax::string_literal(name);
    let hosts_text: String = NAMES
        .iter()
        .map(|name| {
            format!(
                "    nixosConfigurations.{} = nixpkgs.lib.nixosSystem {{ modules = [ {{ networking.hostName = {}; }} ]; }};\n",
                quoted(name),
                quoted(name)
            )
        })
        .collect();
    let flake = format!(
        "{{\n  inputs.nixpkgs.url = \"path:./nixpkgs\";\n  outputs = {{ nixpkgs, ... }}: {{\n{hosts_text}  }};\n}}\n"
    );
    let outer = Project::empty(Git::None);
    for directory in [
        "it's \"here\" $(touch pwned)",
        "new\nline",
        "a b%20c?dir=x#y",
        "é:ü=1",
    ] {
        let path = outer.path.join(directory);
        fs::create_dir_all(&path).unwrap();
        inputs(&path);
        fs::write(path.join("flake.nix"), &flake).unwrap();
        let mut names = hosts(&path, &path, &quick()).unwrap();
        names.sort();
        let mut expected = NAMES;
        expected.sort_unstable();
        assert_eq!(names, expected);
        let first = path.ends_with("it's \"here\" $(touch pwned)");
        for name in NAMES.into_iter().take(if first { NAMES.len() } else { 1 }) {
            let subject = Subject::Flake {
                root: path.clone(),
                directory: path.clone(),
                host: name.to_owned(),
            };
            let answer = asked(&subject, &[&["networking", "hostName"]]).unwrap();
            assert_eq!(value(&answer, &["networking", "hostName"]), name);
        }
        let file = path.join("it's a $(touch pwned) disko.nix");
        fs::write(&file, r#"{ boot.kernel.sysctl."vm.swappiness" = 5; }"#).unwrap();
        let path = ["boot", "kernel", "sysctl", "vm.swappiness"];
        let answer = asked(&alone(file), &[&path]).unwrap();
        assert_eq!(value(&answer, &path), 5);
    }
    let error = asked(
        &Subject::Flake {
            root: outer.path.join("new\nline"),
            directory: outer.path.join("new\nline"),
            host: "nobody\"${x}".to_owned(),
        },
        &[&["networking"]],
    );
    assert!(matches!(error, Err(OracleError::NoHost(_))), "{error:?}");
    let files = tree(&outer.root);
    assert!(!files.keys().any(|path| path.ends_with("pwned")));
    assert!(!Path::new("pwned").exists());
}

#[test]
fn a_flake_in_a_work_tree_is_what_git_knows() {
    let test = "a_flake_in_a_work_tree_is_what_git_knows";
    if !have("nix", test) || !have("git", test) {
        return;
    }
    let project = Project::empty(Git::Below);
    inputs(&project.path);
    let module = r#"{
  boot.kernel.sysctl.secret = builtins.pathExists ./secret.txt;
  boot.kernel.sysctl.above = import ../../common.nix;
}"#;
    project.write("flake.nix", FLAKE);
    project.write("alpha.nix", module);
    fs::write(project.root.join("common.nix"), "3").unwrap();
    let git = |arguments: &[&str]| {
        let mut command = std::process::Command::new("git");
        command.current_dir(&project.root).args(arguments);
        assert!(command.status().unwrap().success());
    };
    let subject = Subject::Flake {
        root: project.root.clone(),
        directory: project.path.clone(),
        host: "alpha".to_owned(),
    };
    let error = asked(&subject, &[&["swapDevices"]]).unwrap_err();
    assert!(matches!(error, OracleError::NotInGit), "{error:?}");
    git(&["add", "."]);
    project.write("secret.txt", "not in git");
    // A repository may name programs that git would run.
    git(&["config", "core.fsmonitor", "touch pwned; false"]);
    let answer = asked(&subject, &[&["boot", "kernel", "sysctl", "*"]]).unwrap();
    assert_eq!(
        value(&answer, &["boot", "kernel", "sysctl", "secret"]),
        false
    );
    assert_eq!(value(&answer, &["boot", "kernel", "sysctl", "above"]), 3);
    let kept = PathBuf::from(answer.source.clone().unwrap());
    assert!(kept.join("machines/one/alpha.nix").is_file());
    assert!(!kept.join("machines/one/secret.txt").exists());
    assert!(
        !tree(&project.root)
            .keys()
            .any(|path| path.ends_with("pwned"))
    );
}

#[test]
fn nothing_is_built_and_nothing_outside_is_read() {
    if !have("nix", "nothing_is_built_and_nothing_outside_is_read") {
        return;
    }
    let built = r#"derivation { name = "x"; system = "x86_64-linux"; builder = "/bin/sh"; args = [ "-c" "echo 1 > $out" ]; }"#;
    let module = format!(
        r#"{{
  boot.kernel.sysctl.built = import ({built});
  boot.kernel.sysctl.outside = builtins.readFile /etc/passwd;
  boot.kernel.sysctl.environment = builtins.getEnv "HOME";
  boot.kernel.sysctl.good = 1;
}}"#
    );
    let flake = project(&[("flake.nix", FLAKE), ("alpha.nix", &module)]);
    let file = Project::empty(Git::None);
    file.write("configuration.nix", &module);
    for subject in [
        subject(&flake, "alpha"),
        alone(file.path.join("configuration.nix")),
    ] {
        let answer = asked(&subject, &[&["boot", "kernel", "sysctl", "*"]]).unwrap();
        let at = |name| ["boot", "kernel", "sysctl", name];
        assert_eq!(value(&answer, &at("good")), 1);
        assert_eq!(value(&answer, &at("environment")), "");
        let outside = why(&answer, &at("outside"));
        assert!(outside.contains("forbidden"), "{outside}");
        let built = why(&answer, &at("built"));
        // Nix 2.8 has not even written down how it would be built.
        let refused = ["allow-import-from-derivation", ".drv' is not valid"];
        assert!(refused.iter().any(|words| built.contains(words)), "{built}");
    }
}

#[test]
fn versions_and_absence_are_told() {
    let of = |line: &str| Version::parse(line).unwrap();
    for (line, flavour, number) in [
        ("nix-instantiate (Nix) 2.8.0", Flavour::Nix, (2, 8)),
        ("nix-instantiate (Nix) 2.31.2+1\n", Flavour::Nix, (2, 31)),
        (
            "nix-instantiate (Nix) 2.4pre20211006_53e4794",
            Flavour::Nix,
            (2, 4),
        ),
        (
            "nix-instantiate (Lix, like Nix) 2.93.3",
            Flavour::Lix,
            (2, 93),
        ),
        (
            "nix-instantiate (Determinate Nix 3.11.2) 2.31.1",
            Flavour::Determinate,
            (2, 31),
        ),
    ] {
        let version = of(line);
        assert_eq!(
            (version.flavour, version.number),
            (flavour, number),
            "{line}"
        );
    }
    assert!(Version::parse("").is_none());
    assert!(Version::parse("command not found").is_none());
    assert!(of("nix-instantiate (Nix) 2.3.16").number < Version::OLDEST);

    let project = project(&[("flake.nix", FLAKE), ("alpha.nix", ALPHA)]);
    let bin = project.root.join("bin");
    fs::create_dir(&bin).unwrap();
    let sh = ["/bin/sh", "/usr/bin/sh"]
        .iter()
        .find(|p| Path::new(p).exists());
    std::os::unix::fs::symlink(sh.unwrap(), bin.join("sh")).unwrap();
    let fix = |path: &Path| {
        let mut command = program();
        command.env("PATH", path).current_dir(&project.path);
        command.args(["fix", "--eval"]);
        ran(command)
    };
    for path in [bin.as_path(), Path::new("/nonexistent")] {
        let ran = fix(path);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.err.contains("was not found"), "{}", ran.err);
    }
    fs::write(
        bin.join("nix-instantiate"),
        "#!/bin/sh\necho nix-instantiate '(Nix)' 2.3.16\n",
    )
    .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(bin.join("nix-instantiate"), mode).unwrap();
    let ran = fix(&bin);
    assert!(ran.err.contains("older than 2.8"), "{}", ran.err);
}
