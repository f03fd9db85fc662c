//! A run that is killed or interrupted on hosts that exist.

use std::time::{Duration, Instant};

use libtest_mimic::Trial;

use crate::{
    lab::Lab,
    run,
    seed::{RUN, World},
};

pub fn trials() -> Vec<Trial> {
    crate::trials![what_a_killed_run_added_is_taken_away_by_gc]
}

fn what_a_killed_run_added_is_taken_away_by_gc() {
    run(async {
        let world = World::new().await;
        let lab = Lab::new("killed", &world.hosts());
        let before = world.found().await;
        let mut victim = lab.start(&RUN);
        // In the middle of it: one of the two has MicroK8s and the scenario; the other may be behind or ahead.
        let end = Instant::now() + Duration::from_secs(600);
        while !lab.told("ubuntu", "/run/pathlab/node.sock") {
            let log = || std::fs::read_to_string(lab.folder.join("log")).unwrap_or_default();
            assert!(victim.try_wait().expect("asked").is_none(), "it ended by itself: {}", log());
            assert!(Instant::now() < end, "it never came so far: {}", log());
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        victim.kill().expect("killed");
        victim.wait().expect("ended");

        // Whoever comes next is told, and changes nothing.
        lab.run(&RUN).said(3, &["has something of Pathlab on it already: the lab", "`lab gc`"]);
        lab.lab(&["gc", "--dry-run"]).said(0, &["would remove the lab", "snap microk8s on ubuntu"]);
        lab.lab(&["gc"]).said(0, &["removed the lab", "Service default/zeus on ubuntu"]);
        world.is_like(&before).await;
        lab.lab(&["gc"]).said(0, &["Nothing is left of any lab that is gone."]);

        // Interrupted, it takes everything away itself.
        let interrupted = Lab::new("interrupted", &world.hosts());
        let mut asked = interrupted.start(&RUN);
        while !interrupted.commands().contains("snap install microk8s") {
            assert!(asked.try_wait().expect("asked").is_none(), "it ended by itself");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        crate::lab::sh(&format!("kill -INT {}", asked.id()));
        assert_eq!(asked.wait().expect("ended").code(), Some(130));
        world.is_like(&before).await;
        interrupted.lab(&["gc"]).said(0, &["Nothing is left of any lab that is gone."]);
    });
}
