//! Owns: configurations in every form that people write them in (reference: the forms counted over
//! public repositories), made from decisions.

use super::choices::Choices;

/// Files of a configuration, and how it is entered.
#[derive(Debug, Clone)]
pub(crate) struct Written {
    /// What form it has, for people.
    pub(crate) form: String,
    pub(crate) files: Vec<(&'static str, String)>,
    /// The file or directory that is opened.
    pub(crate) entry: &'static str,
    /// Hosts of a flake; none for a file.
    pub(crate) hosts: Vec<&'static str>,
}

/// A mount as the generator means it.
#[derive(Debug, Clone)]
pub(crate) struct Mount {
    subvolume: &'static str,
    at: &'static str,
    options: Vec<&'static str>,
}

const OPTIONS: [&str; 7] = [
    "compress=zstd",
    "noatime",
    "discard=async",
    "space_cache=v2",
    "ssd",
    "autodefrag",
    "commit=60",
];

const PLACES: [(&str, &str); 6] = [
    ("root", "/"),
    ("home", "/home"),
    ("nix", "/nix"),
    ("log", "/var/log"),
    ("persist", "/persist"),
    ("srv", "/srv"),
];

const REMARKS: [&str; 4] = ["keep", "see the wiki", "important: do not touch", "äöü ✓"];

fn mounts(c: &mut Choices) -> Vec<Mount> {
    let count = 1 + c.below(5) as usize;
    let shared = options(c);
    PLACES[..count]
        .iter()
        .map(|(name, at)| Mount {
            subvolume: name,
            at,
            options: match c.below(3) {
                0 => options(c),
                _ => shared.clone(),
            },
        })
        .collect()
}

fn options(c: &mut Choices) -> Vec<&'static str> {
    let wanted = c.below(1 << OPTIONS.len());
    let mut chosen: Vec<&str> = (0..OPTIONS.len())
        .filter(|bit| wanted >> bit & 1 == 1)
        .map(|bit| OPTIONS[bit])
        .collect();
    if c.rarely(3) {
        chosen.reverse();
    }
    chosen
}

/// How the text of one file is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Hand {
    /// One element a line.
    tall: bool,
    /// No space inside brackets.
    tight: bool,
    /// Names as they are in the filesystem: `root`, `@root`, `/root`.
    names: u32,
    comments: bool,
    dotted: bool,
}

impl Hand {
    fn of(c: &mut Choices) -> Hand {
        Hand {
            tall: c.below(2) == 1,
            tight: c.rarely(5),
            names: c.below(3),
            comments: c.below(2) == 1,
            dotted: c.rarely(3),
        }
    }

    fn name(self, mount: &Mount) -> String {
        match self.names {
            0 => format!("\"/{}\"", mount.subvolume),
            1 => format!("\"@{}\"", mount.subvolume),
            _ => mount.subvolume.to_owned(),
        }
    }

    fn list(self, c: &mut Choices, options: &[&str], indent: usize) -> String {
        if options.is_empty() {
            return if self.tight { "[]" } else { "[ ]" }.to_owned();
        }
        let quoted: Vec<String> = options.iter().map(|o| format!("\"{o}\"")).collect();
        if !self.tall {
            return match self.tight {
                true => format!("[{}]", quoted.join(" ")),
                false => format!("[ {} ]", quoted.join(" ")),
            };
        }
        let pad = " ".repeat(indent + 2);
        let mut text = "[\n".to_owned();
        for element in quoted {
            if self.comments && c.rarely(4) {
                text.push_str(&format!("{pad}# {}\n", c.of(&REMARKS)));
            }
            let remark = match self.comments && c.rarely(4) {
                true => format!(" # {}", c.of(&REMARKS)),
                false => String::new(),
            };
            text.push_str(&format!("{pad}{element}{remark}\n"));
        }
        if self.comments && c.rarely(5) {
            text.push_str(&format!("{pad}# {}\n", c.of(&REMARKS)));
        }
        text.push_str(&format!("{}]", " ".repeat(indent)));
        text
    }
}

/// A text, line by line with its indentation.
struct Text(String);

impl Text {
    fn line(&mut self, indent: usize, text: &str) {
        self.0.push_str(&" ".repeat(indent));
        self.0.push_str(text);
        self.0.push('\n');
    }
}

/// The `content` of a btrfs, whose subvolumes are `subvolumes`, at an indentation.
fn around(c: &mut Choices, subvolumes: &str, luks: bool, formals: &str, before: &str) -> String {
    let mut t = Text(String::new());
    if !formals.is_empty() {
        t.line(0, formals);
    }
    t.0.push_str(before);
    t.line(0, "{");
    t.line(2, "disko.devices.disk.main = {");
    t.line(4, "type = \"disk\";");
    t.line(4, "device = \"/dev/nvme0n1\";");
    t.line(4, "content = {");
    t.line(6, "type = \"gpt\";");
    t.line(6, "partitions = {");
    t.line(8, "ESP = {");
    t.line(10, "size = \"512M\";");
    t.line(10, "type = \"EF00\";");
    t.line(10, "content = {");
    t.line(12, "type = \"filesystem\";");
    t.line(12, "format = \"vfat\";");
    t.line(12, "mountpoint = \"/boot\";");
    t.line(10, "};");
    t.line(8, "};");
    t.line(8, "system = {");
    t.line(10, "size = \"100%\";");
    t.line(10, "content = {");
    if luks {
        t.line(12, "type = \"luks\";");
        t.line(12, "name = \"crypted\";");
        match c.below(3) {
            0 => {}
            1 => t.line(12, "settings.allowDiscards = false;"),
            _ => {
                t.line(12, "settings = {");
                t.line(14, "keyFile = \"/tmp/secret.key\"; # of the installer");
                t.line(12, "};");
            }
        }
        t.line(12, "content = {");
    }
    t.line(12, "type = \"btrfs\";");
    match c.below(3) {
        0 => {}
        1 => t.line(12, "extraArgs = [ \"-f\" ];"),
        _ => {
            t.line(12, "# force: there may be an old filesystem");
            t.line(12, "extraArgs = [ \"-f\" \"-L\" \"system\" ];");
        }
    }
    t.0.push_str(subvolumes);
    if luks {
        t.line(12, "};");
    }
    t.line(10, "};");
    t.line(8, "};");
    t.line(6, "};");
    t.line(4, "};");
    t.line(2, "};");
    t.line(0, "}");
    t.0
}

fn literal(c: &mut Choices, mounts: &[Mount], hand: Hand) -> String {
    let mut t = Text(String::new());
    if hand.dotted {
        for mount in mounts {
            let name = hand.name(mount);
            t.line(
                12,
                &format!("subvolumes.{name}.mountpoint = \"{}\";", mount.at),
            );
            let list = hand.list(c, &mount.options, 12);
            t.line(12, &format!("subvolumes.{name}.mountOptions = {list};"));
        }
        return t.0;
    }
    t.line(12, "subvolumes = {");
    for mount in mounts {
        if hand.comments && c.rarely(3) {
            t.line(14, &format!("# {}", c.of(&REMARKS)));
        }
        t.line(14, &format!("{} = {{", hand.name(mount)));
        t.line(16, &format!("mountpoint = \"{}\";", mount.at));
        let list = hand.list(c, &mount.options, 16);
        t.line(16, &format!("mountOptions = {list};"));
        t.line(14, "};");
    }
    t.line(12, "};");
    t.0
}

/// The subvolumes with each one's options as an expression.
fn with_options(mounts: &[Mount], hand: Hand, options: &mut dyn FnMut(&Mount) -> String) -> String {
    let mut t = Text(String::new());
    t.line(12, "subvolumes = {");
    for mount in mounts {
        t.line(14, &format!("{} = {{", hand.name(mount)));
        t.line(16, &format!("mountpoint = \"{}\";", mount.at));
        t.line(16, &options(mount));
        t.line(14, "};");
    }
    t.line(12, "};");
    t.0
}

type Form = (&'static str, fn(&mut Choices, &[Mount], Hand) -> Written);

fn file(form: &str, text: String) -> Written {
    Written {
        form: form.to_owned(),
        files: vec![("disko.nix", text)],
        entry: "disko.nix",
        hosts: Vec::new(),
    }
}

/// All forms.
pub(crate) const FORMS: &[Form] = &[
    ("literal", |c, m, h| {
        let subvolumes = literal(c, m, h);
        let luks = c.rarely(3);
        let formals = if c.below(2) == 1 { "{ ... }:" } else { "" };
        file("literal", around(c, &subvolumes, luks, formals, ""))
    }),
    ("let", |c, m, h| {
        let shared = h.list(c, &m[0].options, 2);
        let before = format!("let\n  options = {shared};\nin\n");
        let subvolumes = with_options(m, h, &mut |_| "mountOptions = options;".to_owned());
        file("let", around(c, &subvolumes, false, "", &before))
    }),
    ("inherit", |c, m, h| {
        let shared = h.list(c, &m[0].options, 2);
        let before = format!("let\n  mountOptions = {shared};\nin\n");
        let subvolumes = with_options(m, h, &mut |_| "inherit mountOptions;".to_owned());
        file(
            "inherit",
            around(c, &subvolumes, false, "{ lib, ... }:", &before),
        )
    }),
    ("++", |c, m, h| {
        let shared = h.list(c, &["noatime"], 2);
        let before = format!("let\n  base = {shared};\nin\n");
        let mut lists = Vec::new();
        for mount in m {
            let more: Vec<&str> = mount
                .options
                .iter()
                .copied()
                .filter(|o| *o != "noatime")
                .collect();
            lists.push(h.list(c, &more, 16));
        }
        let mut lists = lists.into_iter();
        let subvolumes = with_options(m, h, &mut |_| {
            format!(
                "mountOptions = base ++ {};",
                lists.next().unwrap_or_default()
            )
        });
        file("++", around(c, &subvolumes, false, "", &before))
    }),
    ("chain", |c, m, h| {
        let shared = h.list(c, &m[0].options, 2);
        let before = format!("let\n  base = {shared};\n  hot = base ++ [ \"nodev\" ];\nin\n");
        let mut first = true;
        let subvolumes = with_options(m, h, &mut |_| {
            let name = if std::mem::take(&mut first) {
                "base"
            } else {
                "hot"
            };
            format!("mountOptions = {name};")
        });
        file("chain", around(c, &subvolumes, true, "", &before))
    }),
    ("//", |c, m, h| {
        let shared = h.list(c, &m[0].options, 4);
        let before = format!("let\n  common = {{\n    mountOptions = {shared};\n  }};\nin\n");
        let mut t = Text(String::new());
        t.line(12, "subvolumes = {");
        for mount in m {
            t.line(14, &format!("{} = common // {{", h.name(mount)));
            t.line(16, &format!("mountpoint = \"{}\";", mount.at));
            t.line(14, "};");
        }
        t.line(12, "};");
        file("//", around(c, &t.0, false, "", &before))
    }),
    ("function", |c, m, h| {
        let shared = h.list(c, &m[0].options, 4);
        let before = format!(
            "let\n  mk = mountpoint: more: {{\n    inherit mountpoint;\n    mountOptions = {shared} ++ more;\n  }};\nin\n"
        );
        let mut t = Text(String::new());
        t.line(12, "subvolumes = {");
        for (index, mount) in m.iter().enumerate() {
            let more = if index == 0 { "[ ]" } else { "[ \"nodev\" ]" };
            t.line(
                14,
                &format!("{} = mk \"{}\" {more};", h.name(mount), mount.at),
            );
        }
        t.line(12, "};");
        file("function", around(c, &t.0, false, "", &before))
    }),
    ("genAttrs", |c, m, h| {
        let shared = h.list(c, &m[0].options, 14);
        let names: Vec<String> = m
            .iter()
            .skip(1)
            .map(|m| format!("\"{}\"", m.subvolume))
            .collect();
        let mut t = Text(String::new());
        t.line(
            12,
            &format!(
                "subvolumes = lib.genAttrs [ {} ] (name: {{",
                names.join(" ")
            ),
        );
        t.line(14, "mountpoint = \"/srv/${name}\";");
        t.line(14, &format!("mountOptions = {shared};"));
        t.line(12, "}) // {");
        t.line(14, "\"/root\" = { mountpoint = \"/\"; };");
        t.line(12, "};");
        file("genAttrs", around(c, &t.0, false, "{ lib, ... }:", ""))
    }),
    ("optionalAttrs", |c, m, h| {
        let (first, rest) = m.split_at(1);
        let mut t = Text(literal(c, first, Hand { dotted: false, ..h }));
        let cut = t.0.len() - "            };\n".len();
        t.0.truncate(cut);
        t.line(12, "} // lib.optionalAttrs true {");
        for mount in rest {
            t.line(14, &format!("{} = {{", h.name(mount)));
            t.line(16, &format!("mountpoint = \"{}\";", mount.at));
            let list = h.list(c, &mount.options, 16);
            t.line(16, &format!("mountOptions = {list};"));
            t.line(14, "};");
        }
        t.line(12, "};");
        file("optionalAttrs", around(c, &t.0, false, "{ lib, ... }:", ""))
    }),
    ("mkIf", |c, m, h| {
        let mut t = Text(String::new());
        t.line(12, "subvolumes = {");
        for mount in m {
            let list = h.list(c, &mount.options, 16);
            t.line(14, &format!("{} = lib.mkIf true {{", h.name(mount)));
            t.line(16, &format!("mountpoint = \"{}\";", mount.at));
            t.line(
                16,
                &format!("mountOptions = {list} ++ lib.optional false \"ro\";"),
            );
            t.line(14, "};");
        }
        t.line(12, "};");
        file("mkIf", around(c, &t.0, false, "{ lib, ... }:", ""))
    }),
    ("mkMerge", |c, m, h| {
        let subvolumes = literal(c, m, h);
        let inner = around(c, &subvolumes, false, "", "");
        let text = format!(
            "{{ lib, ... }}:\nlib.mkMerge [\n  ({})\n  {{\n    services.fstrim.enable = true; # weekly\n  }}\n]\n",
            inner.trim_end()
        );
        file("mkMerge", text)
    }),
    ("two files", |c, m, h| {
        let subvolumes = literal(c, m, h);
        let disko = around(c, &subvolumes, false, "", "");
        let more = format!(
            "{{ config, lib, ... }}:\n{{\n  imports = [ ./disko.nix ];\n\n  # what disko does not say\n  fileSystems.\"/\".options = [ \"x-systemd.device-timeout=30s\" ];\n  {}\n\n  boot.kernelParams = [ \"quiet\" ];\n}}\n",
            if c.below(2) == 1 {
                "boot.kernel.sysctl.\"vm.swappiness\" = 60;"
            } else {
                "time.timeZone = \"Europe/Oslo\";"
            }
        );
        Written {
            form: "two files".to_owned(),
            files: vec![("disko.nix", disko), ("configuration.nix", more)],
            entry: "configuration.nix",
            hosts: Vec::new(),
        }
    }),
    ("fileSystems", |c, m, h| {
        let mut t = Text("{ config, lib, pkgs, modulesPath, ... }:\n\n{\n".to_owned());
        t.line(
            2,
            "boot.initrd.availableKernelModules = [ \"nvme\" \"xhci_pci\" ];",
        );
        for mount in m {
            let options = [vec![subvol(mount)], mount.options.clone()].concat();
            let list = h.list(c, &options, if h.dotted { 2 } else { 4 });
            t.0.push('\n');
            if h.dotted {
                t.line(
                    2,
                    &format!(
                        "fileSystems.\"{}\".device = \"/dev/disk/by-uuid/1234\";",
                        mount.at
                    ),
                );
                t.line(
                    2,
                    &format!("fileSystems.\"{}\".fsType = \"btrfs\";", mount.at),
                );
                t.line(
                    2,
                    &format!("fileSystems.\"{}\".options = {list};", mount.at),
                );
            } else {
                t.line(2, &format!("fileSystems.\"{}\" = {{", mount.at));
                t.line(4, "device = \"/dev/disk/by-uuid/1234\";");
                t.line(4, "fsType = \"btrfs\";");
                t.line(4, &format!("options = {list};"));
                t.line(2, "};");
            }
        }
        t.line(0, "}");
        match c.below(2) {
            0 => file("fileSystems", t.0),
            _ => Written {
                form: "fileSystems, two files".to_owned(),
                files: vec![
                    ("hardware-configuration.nix", format!("# Do not modify this file! It was generated.\n{}", t.0)),
                    (
                        "configuration.nix",
                        "{ ... }:\n{\n  imports = [\n    ./hardware-configuration.nix\n  ];\n  fileSystems.\"/\".options = [ \"lazytime\" ];\n  zramSwap.enable = true;\n  nix.settings.experimental-features = [ \"nix-command\" \"flakes\" ];\n}\n".to_owned(),
                    ),
                ],
                entry: "configuration.nix",
                hosts: Vec::new(),
            },
        }
    }),
    ("fileSystems, generated", |c, m, h| {
        let list = h.list(c, &m[0].options, 8);
        let pairs: Vec<String> = m
            .iter()
            .map(|m| format!("\"{}\" = \"{}\";", m.at, m.subvolume))
            .collect();
        let text = format!(
            "{{ lib, ... }}:\n{{\n  fileSystems =\n    lib.mapAttrs\n      (_: subvolume: {{\n        device = \"/dev/disk/by-label/system\";\n        fsType = \"btrfs\";\n        options = [ \"subvol=${{subvolume}}\" ] ++ {list};\n      }})\n      {{\n        {}\n      }};\n}}\n",
            pairs.join("\n        ")
        );
        file("fileSystems, generated", text)
    }),
    ("two hosts", |c, m, h| {
        let subvolumes = literal(c, m, h);
        let flat = c.rarely(3);
        let disko = around(c, &subvolumes, flat, "", "");
        let flake = "{\n  inputs.nixpkgs.url = \"github:NixOS/nixpkgs\";\n  inputs.disko.url = \"github:nix-community/disko\";\n  outputs =\n    { self, nixpkgs, disko, ... }:\n    let\n      system = module: nixpkgs.lib.nixosSystem {\n        modules = [\n          disko.nixosModules.disko\n          ./disko.nix\n          module\n        ];\n      };\n    in\n    {\n      nixosConfigurations.one = system ./one.nix;\n      nixosConfigurations.two = system ./two.nix;\n    };\n}\n";
        Written {
            form: "two hosts".to_owned(),
            files: vec![
                ("disko.nix", disko),
                ("flake.nix", flake.to_owned()),
                ("one.nix", "{\n  networking.hostName = \"one\";\n  services.fstrim.enable = true;\n}\n".to_owned()),
                ("two.nix", "{ lib, ... }:\n{\n  networking.hostName = \"two\";\n  boot.kernelParams = [ \"quiet\" ]; # silence\n}\n".to_owned()),
            ],
            entry: ".",
            hosts: vec!["one", "two"],
        }
    }),
];

fn subvol(mount: &Mount) -> &'static str {
    match mount.subvolume {
        "root" => "subvol=root",
        "home" => "subvol=home",
        "nix" => "subvol=nix",
        "log" => "subvol=log",
        "persist" => "subvol=persist",
        _ => "subvol=srv",
    }
}

/// A configuration of a form, and the hand that wrote it.
pub(crate) fn write(c: &mut Choices, form: usize) -> Written {
    let mounts = mounts(c);
    let hand = Hand::of(c);
    let mut written = FORMS[form].1(c, &mounts, hand);
    let finish = c.below(8);
    let mut how = String::new();
    for (_, text) in &mut written.files {
        if (finish as usize) < super::edited::FORMATTERS.len() {
            let (name, format) = super::edited::FORMATTERS[finish as usize];
            *text = format(text).unwrap_or_else(|| panic!("{name} refuses:\n{text}"));
            how = format!(", by {name}");
        }
        match finish {
            3 => {
                *text = text.replace('\n', "\r\n");
                how = ", CRLF".to_owned();
            }
            4 => {
                *text = text.replace("  ", "\t");
                how = ", tabs".to_owned();
            }
            5 => {
                text.truncate(text.trim_end().len());
                how = ", no final newline".to_owned();
            }
            _ => {}
        }
    }
    written.form.push_str(&how);
    written
}
