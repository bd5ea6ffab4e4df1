//! The design of the experiment, property by property.

use std::collections::{BTreeMap, BTreeSet};

use contract::id::Attempt;

use super::*;
use crate::plan::{EngineKind, EnginePlan, Overrides, SimParams, SimPlan, Source, preset, resolve};

fn plan(name: &str, seed: u64) -> Plan {
    preset::plan(name, seed).expect("a preset")
}

fn lineup(variants: &[&str]) -> Lineup {
    let names: Vec<String> = variants.iter().map(|v| (*v).to_owned()).collect();
    Lineup::new(&names, false).expect("fine variants")
}

fn sim_plan(params: SimParams) -> (Plan, SimPlan) {
    let flags = Overrides {
        engine: Some(EngineKind::Sim),
        ..Overrides::default()
    };
    let mut plan = resolve(&Source::Preset("high".into()), &flags, 9).expect("a preset");
    let sim = SimPlan(BTreeMap::from([("all".to_owned(), params)]));
    plan.engine = EnginePlan::Sim(sim.clone());
    (plan, sim)
}

#[test]
fn every_cell_has_every_round_once_and_rounds_do_not_mix() {
    for variants in [&["a"][..], &["a", "b"], &["a", "b", "c"]] {
        let (plan, lineup) = (plan("medium", 3), lineup(variants));
        let blocks = blocks(&plan, &lineup);
        let cells = 3 * (variants.len() - 1).max(1);
        assert_eq!(blocks.len(), 10 * cells);
        assert!(blocks.is_sorted_by_key(|b| b.round));
        let distinct: BTreeSet<_> = blocks.iter().map(|b| (b.cell, b.round)).collect();
        assert_eq!(distinct.len(), blocks.len());
    }
}

#[test]
fn windows_of_a_round_follow_each_other_and_are_balanced_by_themselves() {
    let (mut plan, lineup) = (plan("high", 3), lineup(&["a", "b"]));
    (plan.rounds, plan.windows) = (4, 6);
    let blocks = blocks(&plan, &lineup);
    assert_eq!(blocks.len(), 4 * 6 * 2);
    for round in blocks.chunks(6) {
        assert!(round.windows(2).all(|pair| pair[0].continues_in(&pair[1])));
        for arm in Arm::ALL {
            let places = round.iter().map(|block| {
                let place = block.order.iter().position(|one| *one == arm);
                place.expect("every window has every arm")
            });
            assert_eq!(places.sum::<usize>(), 6, "{arm}: one place after the start");
        }
    }
    let between: Vec<bool> = blocks
        .chunks(6)
        .zip(blocks.chunks(6).skip(1))
        .map(|(one, next)| one[5].continues_in(&next[0]))
        .collect();
    assert_eq!(between, vec![false; 7]);
    let seeds: BTreeSet<u64> = blocks.iter().map(|block| block.seed).collect();
    assert_eq!(
        seeds.len(),
        blocks.len(),
        "windows do not repeat their requests"
    );
    // Without windows nothing goes on in another block.
    plan.windows = 1;
    let alone = super::blocks(&plan, &lineup);
    assert!(alone.windows(2).all(|pair| !pair[0].continues_in(&pair[1])));
}

#[test]
fn equal_plans_give_equal_blocks_and_other_seeds_do_not() {
    let lineup = lineup(&["a", "b"]);
    assert_eq!(
        blocks(&plan("high", 1), &lineup),
        blocks(&plan("high", 1), &lineup)
    );
    assert_ne!(
        blocks(&plan("high", 1), &lineup),
        blocks(&plan("high", 2), &lineup)
    );
}

#[test]
fn within_a_round_the_scenarios_are_shuffled() {
    let blocks = blocks(&plan("medium", 5), &lineup(&["a", "b"]));
    let orders: BTreeSet<Vec<u32>> = blocks
        .chunks(3)
        .map(|round| round.iter().map(|b| b.scenario).collect())
        .collect();
    assert!(orders.len() > 1, "{orders:?}");
}

#[test]
fn arms_of_a_round_share_their_requests_and_rounds_do_not() {
    let blocks = blocks(&plan("high", 1), &lineup(&["a", "b", "c"]));
    let mut seeds = BTreeMap::<_, BTreeSet<u64>>::new();
    for block in &blocks {
        seeds
            .entry((block.scenario, block.round))
            .or_default()
            .insert(block.seed);
    }
    assert!(
        seeds.values().all(|of_one| of_one.len() == 1),
        "both candidates see the same requests"
    );
    let distinct: BTreeSet<_> = seeds.values().flatten().collect();
    assert_eq!(distinct.len(), seeds.len());
}

#[test]
fn arms_follow_the_plan_and_b_runs_the_candidate() {
    let mut plan = plan("high", 1);
    let arms = |plan: &Plan, lineup: &Lineup| {
        blocks(plan, lineup)[0]
            .order
            .iter()
            .copied()
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(arms(&plan, &lineup(&["a"])), BTreeSet::from([Arm::A]));
    assert_eq!(arms(&plan, &lineup(&["a", "b"])), BTreeSet::from(Arm::ALL));
    plan.control = false;
    assert_eq!(
        arms(&plan, &lineup(&["a", "b"])),
        BTreeSet::from([Arm::A, Arm::B])
    );

    let blocks = blocks(&plan, &lineup(&["a", "b", "c"]));
    for block in &blocks {
        let candidate = if block.cell < 2 { "b" } else { "c" };
        assert_eq!(
            [Arm::A, Arm::B, Arm::A2].map(|arm| block.variant(arm)),
            ["a", candidate, "a"]
        );
        assert_eq!(of_cell(&plan, block.cell).0, block.scenario as usize);
    }
}

#[test]
fn a_build_against_itself_is_asked_for_by_name() {
    let twice = vec!["a".to_owned(), "a".to_owned()];
    assert_eq!(
        Lineup::new(&twice, false),
        Err(LineupError::Twice { name: "a".into() })
    );
    assert_eq!(
        Lineup::new(&twice, true),
        Err(LineupError::ManyForAa { count: 2 })
    );
    let aa = Lineup::new(&twice[..1], true).expect("A/A of one");
    assert!(aa.is_a_a());
    assert_eq!((aa.variants(), aa.candidates().len()), (vec!["a"], 1));
    assert!(!lineup(&["a", "b"]).is_a_a());
    assert_eq!(Lineup::new(&[], false), Err(LineupError::Empty));
}

#[test]
fn layouts_are_of_the_baseline_and_at_least_two() {
    let sound = |variants: &[&str]| lineup(variants).has_sound_layouts();
    let all = ["baseline", "pgo", "baseline-layout1", "baseline-layout2"];
    assert_eq!(sound(&all), Ok(()));
    assert_eq!(
        sound(&["baseline", "baseline-layout1", "baseline-layout2"]),
        Ok(()),
        "layouts alone"
    );
    assert_eq!(sound(&["a", "b"]), Ok(()), "none at all");
    assert_eq!(sound(&all[..3]), Err(LineupError::OneLayout));
    for wrong in [&all[1..], &all[2..]] {
        let first = wrong[0].to_owned();
        assert_eq!(sound(wrong), Err(LineupError::LayoutsOfOther { first }));
    }
    for name in ["pgo-layout1", "baseline-layout9"] {
        assert_eq!(
            sound(&["baseline", name]),
            Err(LineupError::NoSuchLayout {
                name: name.to_owned()
            })
        );
    }
    let blocks = blocks(&plan("high", 1), &lineup(&all));
    let of = |name: &str| {
        blocks
            .iter()
            .filter(|b| b.candidate.as_deref() == Some(name))
            .collect::<Vec<_>>()
    };
    assert!(of("pgo").iter().all(|block| block.layout().is_none()));
    assert_eq!(
        of("baseline-layout2")
            .iter()
            .filter_map(|b| b.layout())
            .count(),
        20,
        "like any candidate"
    );
}

#[test]
fn a_sim_table_of_no_variant_is_refused_with_the_nearest() {
    let (mut plan, _) = sim_plan(SimParams::default());
    plan.engine = EnginePlan::Sim(SimPlan(BTreeMap::from([(
        "pgoo".to_owned(),
        SimParams::default(),
    )])));
    let error = lineup(&["baseline", "pgo"])
        .fits(&plan)
        .expect_err("there is no variant pgoo");
    assert!(
        error.to_string().ends_with("did you mean [sim.pgo]?"),
        "{error}"
    );
    plan.engine = EnginePlan::Sim(SimPlan(BTreeMap::from([(
        "pgo".to_owned(),
        SimParams::default(),
    )])));
    assert_eq!(lineup(&["baseline", "pgo"]).fits(&plan), Ok(()));
    assert_eq!(
        lineup(&["all", "pgo"]).fits(&plan),
        Err(LineupError::Reserved)
    );
}

#[test]
fn remaining_leaves_out_what_is_done_and_nothing_else() {
    let all = blocks(&plan("high", 1), &lineup(&["a", "b"]));
    let done: Vec<BlockDone> = all[..5].iter().chain(&all[7..8]).map(done).collect();
    let left = remaining(all.clone(), &done);
    let expected: Vec<Block> = all[5..7].iter().chain(&all[8..]).cloned().collect();
    assert_eq!(left, expected);
    assert_eq!(remaining(all.clone(), &[]), all);
}

fn done(block: &Block) -> BlockDone {
    BlockDone {
        cell: block.cell,
        round: block.round,
        attempt: Attempt(1),
        order: block.order.clone(),
        finished_unix_ms: 0,
        planned_requests: 0,
        lost_requests: 0,
    }
}

#[test]
fn assignments_share_out_every_request_once() {
    let plan = plan("high", 1);
    let block = &blocks(&plan, &lineup(&["a", "b"]))[0];
    let run = RunId::new(1, [0; 10]);
    let parts: Vec<_> = (0..3)
        .map(|slot| block.assignment(&plan, run, Arm::B, slot, 3))
        .collect();
    let total = plan.scenarios[block.scenario as usize].requests();
    let indices: BTreeSet<u32> = parts
        .iter()
        .flat_map(|a| a.share.indices(total).collect::<Vec<_>>())
        .collect();
    assert_eq!((parts.len(), indices.len()), (3, total as usize));
    assert!(
        parts
            .iter()
            .all(|a| a.variant == "b" && a.key == block.key(Arm::B) && a.seed == block.seed)
    );
    assert_eq!(block.planned_requests(&plan), u64::from(total) * 3);
}

#[test]
fn both_arms_of_a_duet_share_out_every_request_once_in_balanced_halves_of_the_slots() {
    let plan = Plan {
        duet: true,
        control: false,
        slots: 4,
        ..plan("high", 1)
    };
    let blocks = blocks(&plan, &lineup(&["a", "b"]));
    let mut even = BTreeMap::<_, usize>::new();
    for block in &blocks {
        assert_eq!((block.turns(), block.trials), (1, 20), "one turn a block");
        *even.entry((block.cell, block.arm(0, 0))).or_default() += 1;
        for arm in [Arm::A, Arm::B] {
            let slots = (0..4).filter(|slot| block.arm(0, *slot) == arm);
            let shares: Vec<Share> = slots.map(|slot| block.share(slot, 4)).collect();
            assert_eq!(
                shares,
                [Share { index: 0, of: 2 }, Share { index: 1, of: 2 }]
            );
            assert_eq!(
                block.position(arm),
                block.position(Arm::A),
                "neither comes later"
            );
        }
    }
    assert!(
        even.len() == 4 && even.values().all(|rounds| *rounds == 5),
        "{even:?}"
    );
    assert!(
        !super::blocks(&plan, &lineup(&["a"]))
            .iter()
            .any(|block| block.duet),
        "one arm is no duet"
    );
    let alone = LineupError::Alone { name: "a".into() };
    assert_eq!(lineup(&["a"]).fits(&plan), Err(alone));
}

#[test]
fn positions_rise_from_zero_to_one() {
    let blocks = blocks(&plan("high", 1), &lineup(&["a", "b"]));
    let positions: Vec<f64> = blocks
        .iter()
        .flat_map(|b| {
            b.order
                .iter()
                .map(|arm| b.position(*arm))
                .collect::<Vec<_>>()
        })
        .collect();
    assert_eq!((positions[0], positions[positions.len() - 1]), (0.0, 1.0));
    assert!(positions.is_sorted_by(|a, b| a < b));
}

#[test]
fn drift_slows_the_last_trial_and_noise_differs_between_trials_but_not_between_calls() {
    let (plan, sim) = sim_plan(SimParams {
        drift: Some(0.2),
        scale: Some(2.0),
        ..SimParams::default()
    });
    let all = blocks(&plan, &lineup(&["a", "b"]));
    let ends = |block: &Block, arm: Arm| sim_spec(&plan, &sim, block, arm).scale;
    let (first, last) = (&all[0], &all[all.len() - 1]);
    assert!((ends(first, first.order[0]) - 2.0).abs() < 1e-12);
    assert!((ends(last, last.order[2]) - 2.4).abs() < 1e-12);

    let (plan, sim) = sim_plan(SimParams {
        round_sd: Some(0.05),
        ..SimParams::default()
    });
    let scales: BTreeSet<u64> = all
        .iter()
        .flat_map(|b| Arm::ALL.map(|arm| sim_spec(&plan, &sim, b, arm).scale.to_bits()))
        .collect();
    assert_eq!(scales.len(), all.len() * 3);
    assert_eq!(
        sim_spec(&plan, &sim, first, Arm::A),
        sim_spec(&plan, &sim, first, Arm::A)
    );
}
