//! Owns: the processor and the load of the machine, as signals.

use super::{Gather, Subject, Value, measured, report};

pub(super) fn gather(gather: &mut Gather<'_>) {
    let host = gather.host;
    let threads = host
        .hardware
        .as_ref()
        .and_then(|h| Some((h.cpu.threads?, report())))
        .or_else(|| {
            let info = host.metrics.cpu_info.as_ref()?;
            Some((info.threads?, measured(info)))
        });
    if let Some((threads, source)) = &threads {
        let text = format!("{threads} hardware threads");
        let count = f64::from(*threads);
        gather.number("cpu.threads", Subject::Machine, count, source.clone(), text);
    }
    let features = host
        .hardware
        .as_ref()
        .map(|h| (&h.cpu.features, report()))
        .filter(|(f, _)| !f.is_empty())
        .or_else(|| {
            let info = host.metrics.cpu_info.as_ref()?;
            (!info.features.is_empty()).then(|| (&info.features, measured(info)))
        });
    if let Some((features, source)) = features {
        let has = features.contains("aes");
        let text = match has {
            true => "the processor has AES instructions",
            false => "the processor has no AES instructions",
        };
        gather.fact("cpu.aes", Subject::Machine, has, source, text);
    }
    if let Some(hardware) = &host.hardware
        && hardware.virtualisation.is_virtual()
    {
        let text = format!("a virtual machine ({})", hardware.virtualisation);
        gather.fact("machine.virtual", Subject::Machine, true, report(), text);
    }
    if let Some(cpu) = &host.metrics.cpu {
        let mut say = |name: &str, share: f64, text: String| {
            gather.number(name, Subject::Machine, share, measured(cpu), text);
        };
        say(
            "cpu.user",
            cpu.user.0,
            format!("programs take {} of the processors", cpu.user),
        );
        say(
            "cpu.system",
            cpu.system.0,
            format!("the kernel takes {} of the processors", cpu.system),
        );
        say("cpu.iowait", cpu.iowait.0, format!("{} iowait", cpu.iowait));
        say(
            "cpu.steal",
            cpu.steal.0,
            format!("{} taken by the hypervisor", cpu.steal),
        );
        let busy = cpu.user.0 + cpu.system.0;
        say(
            "cpu.busy",
            busy,
            format!("the processors work {busy:.0} % of the time"),
        );
    }
    if let Some(load) = &host.metrics.load {
        let text = format!("a load of {:.1}", load.one);
        gather.number("load.one", Subject::Machine, load.one, measured(load), text);
        if let Some((threads, _)) = threads.filter(|(t, _)| *t > 0) {
            let each = load.one / f64::from(threads);
            let text = format!("a load of {:.1} on {threads} hardware threads", load.one);
            gather.number("load.each", Subject::Machine, each, measured(load), text);
        }
    }
}

/// Whether the wait for I/O is that of a whole number of hardware threads, and of at least one: a
/// thread that waits for ever, as idle rings of io_uring are counted, and no load.
pub(super) fn whole_iowait(gather: &mut Gather<'_>) {
    const CLOSE: f64 = 0.05;
    let machine = Subject::Machine;
    let number = |name: &str| {
        let found = gather.signals.about(name, &machine).next()?;
        match found.value {
            Value::Number(number) => Some((number, found.source.clone())),
            _ => None,
        }
    };
    let (Some((share, source)), Some((threads, _))) = (number("cpu.iowait"), number("cpu.threads"))
    else {
        return;
    };
    let waiting = share * threads / 100.0;
    if waiting >= 1.0 - CLOSE && (waiting - waiting.round()).abs() <= CLOSE {
        let text = format!(
            "{share} % iowait on {threads} hardware threads: exactly {:.0} of them wait",
            waiting.round()
        );
        gather.fact("cpu.iowait_whole", machine, true, source, text);
    }
}
