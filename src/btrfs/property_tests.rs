//! Owns: what must hold for any list of options, whatever is in it.

use proptest::prelude::*;

use super::kernel::MEASURED;
use super::state::all_aspects;
use super::*;

const FACTS: DeviceFacts = DeviceFacts {
    rotational: Some(true),
    discard: Some(true),
    free_space_tree: Some(true),
    cpus: Some(2),
};

/// An option that exists, or nearly, with a value that fits, or nearly.
fn option() -> impl Strategy<Value = String> {
    let names: Vec<&'static str> = OPTIONS.iter().map(|spec| spec.name).collect();
    let values = vec![
        "",
        "=",
        "=zstd",
        "=zstd:19",
        "=zlib:-1",
        "=lzo:3",
        "=no",
        "=0",
        "=1",
        "=30",
        "=0x10",
        "=4k",
        "=foo",
        "=v1",
        "=v2",
        "=sync",
        "=async",
        "=panic",
        "=all",
        "=usebackuproot",
        "=/",
    ];
    (prop::sample::select(names), prop::sample::select(values)).prop_map(|(n, v)| format!("{n}{v}"))
}

fn list() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(option(), 0..8)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        Just(Target::Unknown),
        prop::sample::select(MEASURED.to_vec()).prop_map(Target::Known)
    ]
}

fn shown(options: &[MountOption], target: &Target) -> (Vec<String>, Vec<String>) {
    let given = effective(options, target, &FACTS);
    (given.shown_fs, given.shown_mount)
}

proptest! {
    #[test]
    fn any_text_is_answered(texts in prop::collection::vec(any::<String>(), 0..6), target in target()) {
        let options = parse_options(&texts);
        prop_assert_eq!(verdicts(&options, &target, &FACTS).len(), options.len());
        for option in &options {
            let _ = (closest(&option.name), suggest(option), verdict(option, &target));
        }
        let _ = conflicts(&options, &target, &FACTS);
        let _ = transition(&options, &[], &target, &FACTS);
        let _ = MkfsArgs::parse(&texts);
        texts.iter().for_each(|text| drop(text.parse::<KernelVersion>()));
    }

    #[test]
    fn what_is_refused_alone_on_any_kernel_is_refused_for_the_unknown_one(text in option()) {
        let option = MountOption::new(&text, 0);
        let anywhere = MEASURED
            .iter()
            .any(|&kernel| verdict(&option, &Target::Known(kernel)).refusal().is_some());
        prop_assert_eq!(verdict(&option, &Target::Unknown).refusal().is_some(), anywhere);
    }

    #[test]
    fn leaving_out_what_is_droppable_changes_nothing(texts in list(), target in target()) {
        let mut options = parse_options(&texts);
        // What no kernel in question refuses for its own sake; the rest never is in force.
        options.retain(|option| {
            verdict(option, &target).refusal().is_none_or(|refusal| refusal.kind.is_conditional())
        });
        prop_assume!(effective(&options, &target, &FACTS).refused.is_empty());
        let needless: Vec<usize> = conflicts(&options, &target, &FACTS)
            .into_iter()
            .filter(|f| f.droppable)
            // Included in another option, and shown beside it all the same.
            .filter(|f| options[f.option].name != "nodiratime")
            .map(|f| f.option)
            .collect();
        let kept: Vec<MountOption> = options
            .iter()
            .enumerate()
            .filter(|(i, _)| !needless.contains(i))
            .map(|(_, option)| option.clone())
            .collect();
        prop_assert_eq!(shown(&kept, &target), shown(&options, &target));
    }

    #[test]
    fn a_remount_arrives_where_it_says(old in list(), new in list(), target in target()) {
        let (old, new) = (parse_options(&old), parse_options(&new));
        let wanted = effective(&new, &target, &FACTS).state;
        let command = remount_command_options(&old, &new, &target, &FACTS);
        let words = parse_options(&command.options);
        let start = effective(&old, &target, &FACTS).state;
        let reached = if words.is_empty() {
            start
        } else {
            start.remounted(&words, target.representative())
        };
        for aspect in all_aspects() {
            let (is, should) = (reached.show(aspect, &FACTS), wanted.show(aspect, &FACTS));
            let said = [&is, &should].into_iter().flatten().any(|word| {
                let gone = format!("-{word}");
                word == "nossd" || command.left_for_boot.iter().any(|l| l == word || *l == gone)
            });
            prop_assert!(is == should || said, "{aspect:?}: {is:?}, not {should:?}: {command:?}");
        }
    }
}
