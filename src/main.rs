//! Parses the command line, runs it, and exits with the documented code.
fn main() {
    let p = btrfs_tune::project::Project::open(std::path::Path::new(
        &std::env::args().nth(1).unwrap_or_default(),
    ))
    .map_err(|e| eprintln!("{e}"));
    let Ok(p) = p else { return };
    let s = p.sources();
    for h in p.hosts(&s).unwrap_or_else(|e| {
        eprintln!("{e:?}");
        vec![]
    }) {
        let ev = p.evaluate(&s, &h);
        let Ok(ev) = ev else {
            eprintln!("{ev:?}");
            continue;
        };
        let host = ev.host();
        for f in &host.storage.filesystems {
            println!("{} {:?} disks {:?}", f.name(), f.device, f.disks);
            for m in &f.mounts {
                println!(
                    "  {} {:?} boot={} ",
                    m.mountpoint, m.subvolume, m.needed_for_boot
                );
                match &m.options {
                    Ok(o) => {
                        for o in o {
                            println!(
                                "     {} {:?} {:?}",
                                o.value,
                                o.at.map(|a| s.place(a).to_string()),
                                o.at.map(|a| s.text(a))
                            )
                        }
                    }
                    Err(u) => println!("  {u:?}"),
                }
            }
            println!("  {:?}", f.luks().collect::<Vec<_>>());
        }
        for (p, v) in host.settings.iter() {
            println!(
                "{p} = {:?}",
                v.as_ref()
                    .map(|v| (v.value.to_string(), v.at.map(|a| s.place(a).to_string())))
                    .map_err(|e| &e.why)
            );
        }
        for u in &host.unknown {
            println!("unknown {u:?}");
        }
        if std::env::args().nth(2).is_some() {
            println!("{}", ev.configuration.snapshot(&ev.evaluator).to_json());
        }
    }
}
