//! Days on which things go wrong.

use crate::sim::faults;
use crate::sim::world::World;

/// Seeds that every test run goes through; `make faults` goes through many more.
const SEEDS: u64 = 48;

#[test]
fn whatever_goes_wrong_the_invariants_hold() {
    let (mut dials, mut crashes) = (0, 0);
    for seed in 0..SEEDS {
        let scenario = faults::day(seed);
        let verdict = World::new(&scenario, 0).run().verdict.unwrap();
        if let Some(found) = verdict.found {
            panic!("{found}\nagain: lull simulate --faults --seeds {seed}..{}\n{:?}", seed + 1, scenario.faults);
        }
        dials += verdict.dials;
        crashes += verdict.crashes;
    }
    assert!(dials > 1_000 && crashes > 10, "{dials} dials, {crashes} crashes");
}
