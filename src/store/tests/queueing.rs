//! Jobs: what a restart finds of imports that work while nobody waits.

use super::*;
use crate::model::id::{ImportId, JobId, UploadId};

fn new_job(upload: i64) -> NewJob {
    let (file, plan) = ("五月.csv".to_owned(), "{\"name\":\"May\"}".to_owned());
    NewJob { campaign: key("spring"), upload: UploadId(upload), file, plan, dry_run: false }
}

#[tokio::test]
async fn a_job_is_found_as_it_was_left_and_goes_on_only_from_an_end_before_its_end() {
    let rig = Rig::new().await;
    for id in 1..=4 {
        rig.store.add_job(JobId(id), new_job(10 + id), "ann", after(id as u64)).await.unwrap();
    }
    let states = async || {
        let jobs = rig.store.jobs(&key("spring"), 9).await.unwrap();
        jobs.into_iter().map(|job| (job.id.0, job.state)).collect::<Vec<_>>()
    };
    assert!(rig.store.begin_job(JobId(1), after(10)).await.unwrap());
    assert!(!rig.store.begin_job(JobId(1), after(11)).await.unwrap(), "its turn comes once");
    rig.store.job_brings(JobId(1), ImportId(77)).await.unwrap();
    rig.store.begin_job(JobId(2), after(12)).await.unwrap();
    let counts = ImportCounts { rows: 3, accepted: 2, invalid: 1, ..ImportCounts::default() };
    let rejected = BTreeMap::from([("number_invalid".to_owned(), 1)]);
    let outcome = JobOutcome { counts, rejected, rejected_file: true, resumed: false };
    let done = (JobState::Done, Some(ImportId(78)), Some(outcome.clone()), None);
    rig.store.end_job(JobId(2), done.0, done.1, done.2, done.3, after(20)).await.unwrap();
    assert_eq!(rig.store.break_jobs_off(after(30)).await.unwrap(), 1);
    let expected = [(4, JobState::Queued), (3, JobState::Queued), (2, JobState::Done), (1, JobState::BrokenOff)];
    assert_eq!(states().await, expected);
    let waiting = rig.store.queued_jobs().await.unwrap();
    assert_eq!(waiting.iter().map(|job| job.id.0).collect::<Vec<_>>(), [3, 4]);
    let broken = rig.store.job(JobId(1)).await.unwrap().unwrap();
    assert_eq!((broken.import, broken.ended_at, &broken.job), (Some(ImportId(77)), Some(after(30)), &new_job(11)));
    let done = rig.store.job(JobId(2)).await.unwrap().unwrap();
    assert_eq!((done.outcome, done.started_at, done.created_by.as_str()), (Some(outcome), Some(after(12)), "ann"));
    for (id, goes_on) in [(1, true), (2, false), (3, false), (9, false)] {
        assert_eq!(rig.store.queue_job_again(JobId(id)).await.unwrap(), goes_on, "{id}");
    }
    let again = rig.store.job(JobId(1)).await.unwrap().unwrap();
    assert_eq!((again.state, again.ended_at, again.import), (JobState::Queued, None, Some(ImportId(77))));
    assert_eq!(rig.store.jobs_of_upload(UploadId(13)).await.unwrap().len(), 1);
    let problem = JobProblem { code: "not_utf8".to_owned(), detail: "line 3".to_owned() };
    rig.store.end_job(JobId(3), JobState::Failed, None, None, Some(problem.clone()), after(40)).await.unwrap();
    assert_eq!(rig.store.job(JobId(3)).await.unwrap().unwrap().problem, Some(problem));
    assert!(rig.store.job(JobId(9)).await.unwrap().is_none());
}
