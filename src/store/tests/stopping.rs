//! Imports that are stopped, mapped, and taken back.

use std::sync::Mutex;

use super::importing::{DAY, errors, import, leftovers, plan, reader};
use super::*;

#[tokio::test]
async fn an_import_that_is_stopped_says_what_it_brought_and_goes_on_when_it_is_done_again() {
    let rig = Rig::new().await;
    let mut text = "phone\n".to_owned();
    for place in 0..6000_u64 {
        text.push_str(&format!("138{:08}\n", (place * 7919) % 5000));
    }
    let plan = ImportPlan { stop: Stop::default(), ..plan(&rig, &text) };
    let (stop, mut seen) = (plan.stop.clone(), None);
    let mut stop_at_once = |progress: Progress| {
        if progress.stage == ImportStage::Merging {
            seen = progress.import;
            stop.ask();
        }
    };
    let stopped = rig.store.import_leads(plan.clone(), reader(), &mut stop_at_once).await.unwrap();
    let row = rig.store.import(seen.unwrap()).await.unwrap().unwrap();
    assert_eq!((stopped.stopped, stopped.import, stopped.counts), (true, seen, row.counts));
    // What was rejected so far can be corrected already.
    let rejected = errors(&rig).len() as u64 - 1;
    assert_eq!((rejected, stopped.rejected["duplicate_in_file"]), (row.counts.duplicate, row.counts.duplicate));
    assert!(rejected > 0);
    let there = rig.store.lead_counts(&key("spring")).await.unwrap().total();
    let counts = row.counts;
    assert_eq!((row.state.as_str(), counts.rows, counts.accepted), ("failed", 6000, there));
    assert!(there > 0 && counts.left > 0, "{counts:?}");
    assert_eq!(counts.accepted + counts.duplicate + counts.left, 6000);
    let again = ImportPlan { stop: Stop::default(), ..plan };
    // Stopped once more before it comes to where it was: what was brought in then is not forgotten.
    let (early, reread) = (again.clone(), again.stop.clone());
    let mut stop_while_reading = |progress: Progress| match progress.stage {
        ImportStage::Reading if progress.rows == 6000 => reread.ask(),
        _ => {}
    };
    let error = rig.store.import_leads(early, reader(), &mut stop_while_reading).await.unwrap_err();
    let row = rig.store.import(seen.unwrap()).await.unwrap().unwrap();
    assert_eq!((error, row.counts.accepted), (ImportError::Stopped, there));
    assert!(row.counts.left > 0 && row.counts.accepted + row.counts.duplicate + row.counts.left == 6000, "{row:?}");
    let again = ImportPlan { stop: Stop::default(), ..again };
    // While it is under way again it is not undone.
    let (go, wait) = std::sync::mpsc::sync_channel::<()>(0);
    let (began, begun) = tokio::sync::watch::channel(false);
    let (wait, inner) = (Mutex::new(wait), reader());
    let slow: ReadNumber = Arc::new(move |text| {
        began.send_replace(true);
        let _gone = wait.lock().unwrap().recv();
        inner(text)
    });
    let (store, same) = (rig.store.clone(), again.clone());
    let running = tokio::spawn(async move { store.import_leads(same, slow, &mut |_| {}).await });
    begun.clone().wait_for(|begun| *begun).await.unwrap();
    let refused = rig.store.undo_import(seen.unwrap(), "ann", NOW, DAY).await.unwrap_err().to_string();
    assert!(refused.contains("not under way"), "{refused}");
    drop(go);
    running.await.unwrap().unwrap();
    let outcome = rig.store.import_leads(again.clone(), reader(), &mut |_| {}).await.unwrap();
    assert!(outcome.resumed && outcome.import == seen && !outcome.stopped);
    // A check that is stopped says how far it came as well.
    let check = ImportPlan { list: "July".to_owned(), mode: ImportMode::DryRun, ..again.clone() };
    let halt = check.stop.clone();
    let mut halt_at_once = |progress: Progress| {
        if progress.stage == ImportStage::Merging {
            halt.ask()
        }
    };
    let checked = rig.store.import_leads(check, reader(), &mut halt_at_once).await.unwrap();
    let counts = checked.counts;
    assert!(checked.stopped && checked.import.is_none() && counts.left > 0 && counts.duplicate > 0, "{counts:?}");
    assert_eq!((counts.accepted, counts.duplicate + counts.left), (0, 6000));
    let again = ImportPlan { stop: Stop::default(), ..again };
    assert_eq!((outcome.counts.accepted, outcome.counts.duplicate, outcome.counts.left), (5000, 1000, 0));
    // Before anything is brought in, nothing is left behind.
    let early = ImportPlan { list: "June".to_owned(), ..again };
    early.stop.ask();
    assert_eq!(rig.store.import_leads(early, reader(), &mut |_| {}).await.unwrap_err(), ImportError::Stopped);
    assert_eq!(rig.store.imports(9).await.unwrap().len(), 1);
    assert_eq!(leftovers(&rig), Vec::<String>::new());
}

#[tokio::test]
async fn rows_that_a_stopped_import_did_not_come_to_are_counted_as_left_and_as_nothing_else() {
    let rig = Rig::new().await;
    let mut text = "phone,phone 2\n".to_owned();
    (0..6000).for_each(|place| text += &format!("+999{place:08},x12\n"));
    for mode in [ImportMode::DryRun, ImportMode::Run] {
        let plan = ImportPlan { mode, stop: Stop::default(), ..plan(&rig, &text) };
        let stop = plan.stop.clone();
        let mut stop_at_once = |progress: Progress| {
            if progress.stage == ImportStage::Merging {
                stop.ask();
            }
        };
        let stopped = rig.store.import_leads(plan.clone(), reader(), &mut stop_at_once).await.unwrap();
        let counts = stopped.counts;
        assert!(stopped.stopped && counts.accepted > 0 && counts.left > 0, "{mode:?}: {counts:?}");
        assert_eq!(counts.accepted + counts.left, 6000, "{mode:?}: {counts:?}");
        assert_eq!((counts.without_zone, counts.numbers_unread), (counts.accepted, counts.accepted), "{mode:?}");
    }
    let whole = rig.store.import_leads(plan(&rig, &text), reader(), &mut |_| {}).await.unwrap().counts;
    assert_eq!((whole.accepted, whole.left), (6000, 0));
    assert_eq!((whole.without_zone, whole.numbers_unread), (6000, 6000));
}

#[tokio::test]
async fn what_an_import_brought_up_to_date_is_as_before_when_it_is_undone_unless_another_did_the_same() {
    let rig = Rig::new().await;
    import(&rig, "phone,name,zone,priority,City\n13800000001,王芳,,10,上海\n13800000002,李伟,,20,北京\n")
        .await
        .unwrap();
    let duplicates = Duplicates { policy: DuplicatePolicy::Update, ..Duplicates::default() };
    let update = |list: &str, text: &str, seconds| {
        let plan = plan(&rig, text);
        ImportPlan { duplicates, list: list.to_owned(), at: after(seconds), ..plan }
    };
    let run = async |plan| rig.store.import_leads(plan, reader(), &mut |_| {}).await.unwrap().import.unwrap();
    let june =
        "phone,name,zone,priority,City\n13800000001,Ann,Asia/Tokyo,90,Oslo\n13800000002,Ben,,,\n13800000003,Cat,,,\n";
    let june = run(update("June", june, 10)).await;
    run(update("July", "phone,name\n13800000002,Bob\n", 20)).await;
    let expected = Undone { removed: 1, restored: 1, ..Undone::default() };
    assert_eq!(rig.store.undo_outlook(june, DAY).await.unwrap().would, expected);
    assert_eq!(rig.store.undo_import(june, "ann", after(30), DAY).await.unwrap(), expected);
    let lead = async |text: &str| rig.store.leads_of_number(&number(text)).await.unwrap().remove(0);
    let first = lead("+8613800000001").await;
    assert_eq!((first.name.as_str(), first.priority), ("王芳", 10));
    assert_eq!((first.zones, first.extra["City"].as_str()), (vec!["Asia/Shanghai".to_owned()], "上海"));
    assert_eq!(lead("+8613800000002").await.name, "Bob", "a later import has the last word");
    assert_eq!(rig.store.forget_lead_updates(after(20)).await.unwrap(), 0);
    assert_eq!(rig.store.forget_lead_updates(after(21)).await.unwrap(), 1);
}

#[tokio::test]
async fn a_mapping_is_part_of_what_an_import_is_and_a_template_is_found_by_the_headings_it_fits() {
    let rig = Rig::new().await;
    let mapping = |texts: &[&str]| Mapping::new(texts.iter().map(|text| text.parse().unwrap()).collect()).unwrap();
    let mapped = |texts: &[&str]| {
        let plan = plan(&rig, "A,B,C,phone\n13800000001,王芳,上海,x\n");
        ImportPlan { mapping: mapping(texts), ..plan }
    };
    let run = async |plan| rig.store.import_leads(plan, reader(), &mut |_| {}).await.unwrap();
    let first = run(mapped(&["a=number", "B=name", "C=custom:City", "phone=ignore"])).await;
    let lead = rig.store.leads_of_number(&number("+8613800000001")).await.unwrap().remove(0);
    assert_eq!((lead.name.as_str(), lead.extra), ("王芳", BTreeMap::from([("City".to_owned(), "上海".to_owned())])));
    assert!(run(mapped(&["a=number", "B=name", "C=custom:City", "phone=ignore"])).await.resumed);
    let other = run(mapped(&["a=number", "B=name"])).await;
    assert!(!other.resumed && other.import != first.import);

    let headings = ["B", "A", "c", "more"].map(str::to_owned);
    rig.store.save_template("small", mapping(&["A=number"]), "ann", NOW).await.unwrap();
    rig.store.save_template("foreign", mapping(&["A=number", "D=name", "C=ignore"]), "ann", NOW).await.unwrap();
    rig.store.save_template(" 展会 ", mapping(&["A=name", "B=custom"]), "ann", NOW).await.unwrap();
    rig.store.save_template("展会", mapping(&["A=number", "B=custom:Booth"]), "ben", after(1)).await.unwrap();
    let found = rig.store.fitting_template(&headings).await.unwrap().unwrap();
    assert_eq!((found.name.as_str(), found.changed_by.as_str()), ("展会", "ben"));
    assert_eq!(found.mapping, mapping(&["A=number", "B=custom:Booth"]));
    let names = rig.store.templates().await.unwrap();
    assert_eq!(names.iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["foreign", "small", "展会"]);
    rig.store.remove_template("展会", "ben", after(2)).await.unwrap();
    let gone = StoreError::NotFound { what: "template of lists", name: "展会".to_owned() };
    assert_eq!(rig.store.template("展会").await, Err(gone.clone()));
    assert_eq!(rig.store.remove_template("展会", "ben", after(3)).await, Err(gone));
    assert!(rig.store.save_template("", mapping(&["A=number"]), "ann", NOW).await.is_err());
    assert!(rig.store.save_template("none", Mapping::default(), "ann", NOW).await.is_err());
}

#[tokio::test]
async fn accepted_rows_that_can_never_be_dialled_are_counted_by_their_zones() {
    let rig = Rig::new().await;
    let asked = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let opens = move |zones: &[String]| {
        seen.lock().unwrap().push(zones.join(" "));
        zones.iter().any(|zone| zone == "Asia/Shanghai")
    };
    let text = "phone\n13800000001\n13800000002\n13800000002\n+12025550123\n+12025550124\n+99912345678\nbad\n";
    let windows = Some(Windows(Arc::new(opens)));
    let outcome =
        rig.store.import_leads(ImportPlan { windows, ..plan(&rig, text) }, reader(), &mut |_| {}).await.unwrap();
    assert_eq!((outcome.counts.accepted, outcome.counts.without_zone, outcome.counts.no_window), (5, 1, 3));
    let mut asked = std::mem::take(&mut *asked.lock().unwrap());
    asked.sort();
    assert_eq!(asked, ["", "America/Chicago America/New_York", "Asia/Shanghai"], "once for each set of zones");
}

#[tokio::test]
async fn jobs_that_are_over_are_forgotten_after_their_time_and_what_they_brought_in_stays() {
    let rig = Rig::new().await;
    let brought = import(&rig, "phone\n13800000001\n").await.unwrap();
    let new = NewJob {
        campaign: key("spring"),
        upload: crate::model::id::UploadId(1),
        file: "may.csv".to_owned(),
        plan: "{}".to_owned(),
        dry_run: false,
    };
    let id = crate::model::id::JobId;
    for job in [1, 2, 3] {
        rig.store.add_job(id(job), new.clone(), "ann", NOW).await.unwrap();
    }
    for (job, seconds) in [(1, 10), (2, 20)] {
        rig.store.begin_job(id(job), NOW).await.unwrap();
        rig.store.end_job(id(job), JobState::Done, brought.import, None, None, after(seconds)).await.unwrap();
    }
    assert_eq!(rig.store.forget_jobs(after(20)).await.unwrap(), 1);
    let left: Vec<i64> = rig.store.jobs(&key("spring"), 9).await.unwrap().iter().map(|job| job.id.0).collect();
    assert_eq!(left, [3, 2]);
    assert_eq!(rig.store.forget_jobs(after(99)).await.unwrap(), 1, "one that waits stays");
    let row = rig.store.import(brought.import.unwrap()).await.unwrap().unwrap();
    assert_eq!(row.counts.accepted, 1);
    let undone = rig.store.undo_import(row.id, "ann", NOW, DAY).await.unwrap();
    assert_eq!(undone.removed, 1, "also without the job");
}
