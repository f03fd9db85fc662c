//! Reports of shards, put together.

use pathlab::{
    model::{
        RemedyVerdict, Verdict,
        report::{Report, ShardReport},
    },
    report::{MergeError, html, merge},
};

use crate::sample;

/// The mixed sample, dealt out by each case's place.
fn parts(count: u32, deal: impl Fn(usize) -> usize) -> Vec<Report> {
    let whole = sample::mixed();
    let part = |number: u32| {
        let places: Vec<usize> =
            (0..whole.cases.len()).filter(|place| deal(*place) % count as usize == number as usize - 1).collect();
        let mut part = whole.clone();
        part.run.id = format!("part-{number}");
        part.cases = places.iter().map(|place| whole.cases[*place].clone()).collect();
        let has = |id: &String| part.cases.iter().any(|case| case.id == *id);
        for group in &mut part.causes {
            group.cases.retain(|id| has(id));
        }
        part.causes.retain(|group| !group.cases.is_empty());
        part.distros.retain(|distro| part.cases.iter().any(|case| case.distro == distro.id));
        part.run.shard =
            Some(ShardReport { number, count, division: "d".to_owned(), total: whole.cases.len(), places });
        part
    };
    (1..=count).map(part).collect()
}

fn merged(parts: Vec<Report>) -> Result<Report, MergeError> {
    merge(parts, "whole".to_owned(), Vec::new(), false)
}

#[test]
fn the_whole_is_the_run_of_everything_however_it_was_dealt_out() {
    let whole = sample::mixed();
    for deal in [|place: usize| place, |place: usize| place / 7, |place: usize| place * 31 % 17] {
        let mut dealt = parts(4, deal);
        dealt.reverse();
        let merged = merged(dealt).expect("all parts");
        assert_eq!(merged.cases, whole.cases);
        let groups = |report: &Report| -> Vec<_> {
            report.causes.iter().map(|group| (group.distro.clone(), group.cause.clone(), group.cases.clone())).collect()
        };
        let sorted = |mut groups: Vec<_>| {
            groups.sort();
            groups
        };
        assert_eq!(sorted(groups(&merged)), sorted(groups(&whole)));
        for distro in &whole.distros {
            let same = merged.distros.iter().find(|other| other.id == distro.id).expect("there");
            assert_eq!((same.counts, same.verdict), (distro.counts, distro.verdict), "{}", distro.id);
        }
        assert_eq!((merged.manifests, merged.scenarios), (whole.manifests.clone(), whole.scenarios.clone()));
        assert_eq!((merged.run.id.as_str(), merged.run.shard), ("whole", None));
    }
}

#[test]
fn what_is_no_whole_is_refused() {
    let error = |change: fn(&mut Vec<Report>)| {
        let mut parts = parts(3, |place| place);
        change(&mut parts);
        merged(parts).expect_err("refused").to_string()
    };
    assert_eq!(error(Vec::clear), "there is no report to merge");
    assert_eq!(error(|parts| drop(parts.remove(1))), "shard 2 of 3 is missing");
    assert_eq!(error(|parts| parts.push(parts[0].clone())), "shard 1 is there twice: part-1 and part-1");
    let other = error(|parts| parts[2].run.shard.as_mut().expect("a shard").division = "e".to_owned());
    assert!(other.contains("the cases were divided otherwise"), "{other}");
    assert!(error(|parts| parts[1].run.provider = "libvirt".to_owned()).contains("different labs"));
    assert_eq!(error(|parts| parts[1].run.shard = None), "the run part-2 is no shard: it was made without `--shard`");
}

#[test]
fn a_remedy_whose_paths_were_divided_is_judged_by_all_of_them() {
    use RemedyVerdict::{Breaks, Fixes, NoEffect, NotApplicable, Partly};
    for (one, other, both) in [
        (Fixes, Fixes, Fixes),
        (Fixes, NotApplicable, Fixes),
        (NotApplicable, NotApplicable, NotApplicable),
        (NoEffect, Fixes, Partly),
        (NoEffect, NoEffect, NoEffect),
        (Partly, Fixes, Partly),
        (Fixes, Breaks, Breaks),
    ] {
        let mut parts = parts(2, |place| place);
        for (part, verdict) in parts.iter_mut().zip([one, other]) {
            part.remedies.truncate(1);
            part.remedies[0].verdict = verdict;
            (part.remedies[0].fixed, part.remedies[0].opens) = (2, vec![80]);
        }
        parts[1].remedies[0].opens = vec![22, 80];
        let remedies = merged(parts).expect("all parts").remedies;
        assert_eq!(remedies.len(), 1);
        assert_eq!((remedies[0].verdict, remedies[0].fixed), (both, 4), "{one} and {other}");
        assert_eq!(remedies[0].opens, [22, 80]);
    }
}

#[test]
fn the_lab_that_broke_in_one_part_broke() {
    let mut parts = parts(2, |place| place);
    parts[1].cases[0].verdict = Verdict::Error;
    let distro = parts[1].cases[0].distro.clone();
    parts[1].distros.iter_mut().filter(|one| one.id == distro).for_each(|one| one.verdict = Verdict::Error);
    let merged = merged(parts).expect("all parts");
    assert_eq!(merged.distros.iter().find(|one| one.id == distro).map(|one| one.verdict), Some(Verdict::Error));
}

#[test]
fn some_of_the_parts_are_enough_where_that_was_asked_for() {
    let mut parts = parts(4, |place| place);
    drop(parts.remove(1));
    let cases: usize = parts.iter().map(|part| part.cases.len()).sum();
    let merged = merge(parts, "whole".to_owned(), Vec::new(), true).expect("some parts");
    assert_eq!((merged.run.missing.clone(), merged.cases.len()), (vec!["2/4".to_owned()], cases));
    assert!(merged.run.shard.is_none());
    let all = merge(self::parts(4, |place| place), "whole".to_owned(), Vec::new(), true).expect("all parts");
    assert!(all.run.missing.is_empty());
}

#[test]
fn distros_that_never_met_are_said_not_to_be_compared() {
    let distro = |place: usize| sample::mixed().cases[place].distro.starts_with("rhel");
    let apart = merged(parts(2, |place| usize::from(distro(place)))).expect("all parts");
    assert_eq!(apart.run.not_compared, ["pod-ip-502"]);
    let page = html::to_string(&apart).expect("a page");
    assert!(page.contains("Not compared are distributions that were in different shards of a run, in pod-ip-502."));
    let together = merged(parts(2, |place| place)).expect("all parts");
    assert!(together.run.not_compared.is_empty());
}
