//! The old free space cache: refused where the free space tree is, slow where it is not.

use super::fault::{self, Owner};
use super::spots::{Said, Spot, edits, said};
use super::view::{Mounted, observed};
use crate::analyze::{Cause, Evidence, Source, Weight};
use crate::btrfs::{Aspect, KernelVersion, Target};
use crate::recommend::{
    Action, Applicability, Context, Effect, Finding, Meta, Remedy, Rule, Severity,
};

/// `mount/space-cache`
pub struct SpaceCache;

static META: Meta = Meta {
    relieves: &[Cause::SpaceCacheV1],
    ..Meta::new(
        "mount/space-cache",
        Severity::Error,
        "The old free space cache is asked for, on which a mount fails or which slows it",
        include_str!("space_cache.md"),
    )
};

/// Options that ask for the cache of version 1 or for none, on a filesystem that takes them.
fn old(spot: &Spot<'_>) -> Option<()> {
    let option = spot.option();
    let is_old = match option.name.as_str() {
        "space_cache" => option.value.as_deref() != Some("v2"),
        name => name == "nospace_cache",
    };
    (is_old && spot.mounted.aspect(option) == Some(Aspect::SpaceCache)).then_some(())
}

fn message(said: &Said<'_, ()>) -> String {
    let (text, places) = (said.text, said.places());
    let target = said.spots.first().map(|spot| spot.mounted.target);
    let unused = matches!(target, Some(Target::Known(k)) if k >= KernelVersion::new(7, 3, 0));
    let none = text == "nospace_cache" || unused;
    let first = match none {
        true => format!(
            "`{text}` on {places} leaves the filesystem without a cache of its free space: it is \
             searched for again after every mount"
        ),
        false => format!(
            "`{text}` on {places} keeps the free space cache of version 1, which is deprecated \
             since 6.11, no longer used since 7.3, and slow on large filesystems"
        ),
    };
    let cleared = said
        .spots
        .iter()
        .any(|spot| spot.is_beside(&["clear_cache"]));
    match cleared {
        true => format!("{first}. `clear_cache` beside it throws the free space tree away"),
        false => first,
    }
}

fn finding(context: &Context<'_>, said: &Said<'_, ()>) -> Finding {
    let mut knowledge = vec![Evidence::speaks_for(
        Weight::Strong,
        Source::Knowledge(
            "https://btrfs.readthedocs.io/en/latest/ch-mount-options.html, space_cache".to_owned(),
        ),
        "the free space tree (`space_cache=v2`) replaced the cache of version 1",
    )];
    let shown = said
        .spots
        .iter()
        .filter_map(|s| observed(context.host, s.mountpoint()));
    knowledge.extend(shown);
    said.finding(&META, Severity::Warning, message(said), knowledge)
}

/// `space_cache=v2` for the old word; `clear_cache` was only there for it.
fn convert(said: &Said<'_, ()>) -> Option<Remedy> {
    let changes = said.spots.iter().flat_map(|spot| {
        let options = spot.seen().options.iter().enumerate();
        let clears = options.filter(|(_, o)| o.name == "clear_cache");
        let clears = clears.map(|(option, _)| (Spot { option, ..*spot }, None));
        let new = Some("space_cache=v2".to_owned());
        clears.chain([(*spot, new)]).collect::<Vec<_>>()
    });
    Some(Remedy {
        title: format!("Write `space_cache=v2` instead of `{}`", said.text),
        actions: vec![Action::EditMountOptions {
            mounts: edits(changes)?,
        }],
        costs: vec![
            "the next boot builds the free space tree once, which takes long on a large filesystem"
                .to_owned(),
            "kernels before 4.5 mount a filesystem with the tree read-only".to_owned(),
        ],
        applicability: Applicability::Consent,
        effect: Effect::MountTime,
    })
}

impl Rule for SpaceCache {
    fn meta(&self) -> &'static Meta {
        &META
    }

    fn detect(&self, context: &Context<'_>) -> Vec<Finding> {
        let mut all = fault::findings(&META, Owner::SpaceCache, context);
        let mounted = Mounted::all(context.host);
        all.extend(
            said(&mounted, old)
                .iter()
                .map(|said| finding(context, said)),
        );
        all
    }

    fn remedy(&self, context: &Context<'_>, finding: &Finding) -> Option<Remedy> {
        let mounted = Mounted::all(context.host);
        let taken = said(&mounted, old);
        match taken.iter().find(|said| said.text == finding.subject) {
            Some(said) => convert(said),
            None => fault::remedy(Owner::SpaceCache, context, finding),
        }
    }
}
