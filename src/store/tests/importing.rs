//! Imports: every row is accounted for, whatever the file.

use proptest::prelude::*;

use super::*;
use crate::model::lead::{LeadState, SuppressionReason};
use crate::model::selection::{Condition, LeadOrder};

/// How long an import can be taken back here.
pub(super) const DAY: std::time::Duration = std::time::Duration::from_secs(86_400);

/// Reads `1…` of eleven digits as a Chinese mobile and E.164 as it is; `+1` has two zones, `+999` none.
pub(super) fn reader() -> ReadNumber {
    Arc::new(|text: &str| {
        let refuse = || Rejection { code: "number_invalid", message: format!("`{text}` is not a phone number") };
        let plain: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
        let e164 = if plain.starts_with('+') { plain } else { format!("+86{plain}") };
        let number = PhoneNumber::from_e164(&e164).map_err(|_| refuse())?;
        let zones: &[&str] = match &e164 {
            e164 if e164.starts_with("+999") => &[],
            e164 if e164.starts_with("+1") => &["America/New_York", "America/Chicago"],
            e164 if e164.starts_with("+861") && e164.len() == 14 => &["Asia/Shanghai"],
            _ => return Err(refuse()),
        };
        Ok(Dialable { number, zones: zones.iter().map(|zone| (*zone).to_owned()).collect() })
    })
}

pub(super) fn plan(rig: &Rig, text: impl AsRef<[u8]>) -> ImportPlan {
    let path = rig.directory.path().join("list.csv");
    std::fs::write(&path, text).unwrap();
    ImportPlan {
        path,
        campaign: key("spring"),
        list: "May".to_owned(),
        format: FileFormat { country: Some("cn".to_owned()), ..FileFormat::default() },
        number_column: None,
        mapping: Mapping::default(),
        windows: None,
        stop: Stop::default(),
        duplicates: Duplicates::default(),
        mode: ImportMode::Run,
        error_file: Some(rig.directory.path().join("errors.csv")),
        by: "ann".to_owned(),
        at: NOW,
    }
}

/// An import that is dropped at its step number `last`, in the middle of what it does, as a killed program leaves it.
pub(super) async fn broken_off(rig: &Rig, plan: ImportPlan, last: usize) {
    let (sender, mut broken_off) = tokio::sync::mpsc::channel(1);
    let mut seen = 0;
    let mut progress = |_: Progress| {
        seen += 1;
        if seen == last {
            let _ = sender.try_send(());
        }
    };
    tokio::select! {
        biased;
        _ = broken_off.recv() => {}
        done = rig.store.import_leads(plan, reader(), &mut progress) => panic!("not broken off: {done:?}"),
    }
}

pub(super) async fn import(rig: &Rig, text: impl AsRef<[u8]>) -> Result<ImportOutcome, ImportError> {
    rig.store.import_leads(plan(rig, text), reader(), &mut |_| {}).await
}

pub(super) fn errors(rig: &Rig) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(rig.directory.path().join("errors.csv"));
    let records = reader.as_mut().unwrap().records();
    records.map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
}

pub(super) fn leftovers(rig: &Rig) -> Vec<String> {
    let files = std::fs::read_dir(rig.directory.path()).unwrap();
    let names = files.map(|file| file.unwrap().file_name().to_string_lossy().into_owned());
    names.filter(|name| name.contains("import-") || name.ends_with(".part")).collect()
}

#[tokio::test]
async fn every_row_is_accepted_or_rejected_with_its_line_column_code_and_reason() {
    let rig = Rig::new().await;
    rig.lead("+8613800000009").await;
    let stop = Suppression {
        number: number("+8613800000008"),
        scope: Scope::All,
        reason: SuppressionReason::OptOut,
        source: "hand".to_owned(),
        note: String::new(),
        expires_at: None,
    };
    rig.store.suppress(stop, "ann", NOW).await.unwrap();
    let text = "\u{feff}姓名;手机号;时区;优先级;City\r\n\
        王芳;138 0000 0001;;;上海\r\n\
        \"Li; \"\"Wei\"\"\";13800000002;asia/tokyo;90;\"two\r\nlines\"\r\n\
        x;13800000001;;;\r\n\
        x;13800000009;;;\r\n\
        x;13800000008;;;\r\n\
        x;nonsense;;;\r\n\
        x;1.38E+10;;;\r\n\
        x;;;;\r\n\
        x;13800000003;Mars/Base;;\r\n\
        x;13800000004;;high;\r\n\
        x;13800000005\r\n\
        x;13800000006;;;;surplus\r\n\
        x\0;13800000007;;;\r\n\
        Nobody;+99912345678;;;\r\n";
    let outcome = import(&rig, text).await.unwrap();
    let counts = ImportCounts {
        rows: 14,
        accepted: 3,
        duplicate: 2,
        invalid: 8,
        suppressed: 1,
        without_zone: 1,
        ..ImportCounts::default()
    };
    assert_eq!(outcome.counts, counts);
    let rejected: Vec<(String, String, String)> =
        errors(&rig).into_iter().skip(1).map(|row| (row[5].clone(), row[6].clone(), row[7].clone())).collect();
    let expected = [
        ("5", "", "duplicate_in_file"),
        ("6", "", "duplicate_in_campaign"),
        ("7", "", "suppressed"),
        ("8", "手机号", "number_invalid"),
        ("9", "手机号", "number_rounded"),
        ("10", "手机号", "number_missing"),
        ("11", "时区", "zone_unknown"),
        ("12", "优先级", "priority_invalid"),
        ("13", "", "ragged_row"),
        ("14", "", "ragged_row"),
        ("15", "姓名", "control_character"),
    ];
    assert_eq!(rejected, expected.map(|(line, column, code)| (line.to_owned(), column.to_owned(), code.to_owned())));
    let wei = rig.store.leads_of_number(&number("+8613800000002")).await.unwrap().remove(0);
    assert_eq!(
        (wei.name.as_str(), wei.priority, wei.zones.as_slice()),
        ("Li; \"Wei\"", 90, &["Asia/Tokyo".to_owned()][..])
    );
    assert_eq!(wei.extra, BTreeMap::from([("City".to_owned(), "two\r\nlines".to_owned())]));
    assert_eq!(leftovers(&rig), Vec::<String>::new());
    // Two leads with a zone and the one that was there; the one without a zone is never due.
    assert_eq!(rig.due().await.len(), 3);
    let row = rig.store.imports(1).await.unwrap().remove(0);
    assert_eq!((row.state.as_str(), row.counts.rows), ("done", 14));
}

#[tokio::test]
async fn files_that_cannot_be_read_as_a_whole_change_nothing_and_say_what_to_do() {
    let rig = Rig::new().await;
    let cases: [(&[u8], &str); 11] = [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (b"phone,name\n", "no rows"),
        (b"city,age\nx,3\n", "found city, age"),
        (b"phone,City,city\n1,a,b\n", "both called `city`"),
        (b"phone,mobile,tel,cell,number,msisdn\n1,2,3,4,5,6\n", "more than 5 columns with phone numbers"),
        (
            b"phone,name\n13800000001,\xe6\xac\xa7\xe9\x98\xb3\xe5\xa8\x9c\xe5\xa8\x9c\n13800000002,\xff\n",
            "line 3: byte 48",
        ),
        (b"phone,name\n+4930123456,J\xfcrgen M\xfc\xdfig\n+4930123457,B\xe4rbel Gr\xf6\xdfler\n", "name its encoding"),
        (b"\xd0\xcf\x11\xe0", "Save as, Excel Workbook"),
        (b"phone,name\n13800000001,\"a\n13800000002,b\n", "line 2 is never closed"),
        (b"PK\x03\x04", "the workbook cannot be read"),
    ];
    for (text, expected) in cases {
        let error = import(&rig, text).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error} does not say {expected}");
    }
    assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().total(), 0);
    assert_eq!(leftovers(&rig), Vec::<String>::new());
    let missing = ImportPlan { path: rig.directory.path().join("no.csv"), ..plan(&rig, "") };
    let error = rig.store.import_leads(missing, reader(), &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, ImportError::Open { .. }), "{error}");
    let unknown = ImportPlan { campaign: key("autumn"), ..plan(&rig, "phone\n13800000001\n") };
    let error = rig.store.import_leads(unknown, reader(), &mut |_| {}).await.unwrap_err();
    assert_eq!(error.to_string(), "there is no campaign `autumn`");
}

#[tokio::test]
async fn a_dry_run_tells_the_same_counts_and_changes_nothing() {
    let rig = Rig::new().await;
    let text = "phone\n13800000001\n13800000001\nbad\n";
    let dry = ImportPlan { mode: ImportMode::DryRun, ..plan(&rig, text) };
    let told = rig.store.import_leads(dry, reader(), &mut |_| {}).await.unwrap();
    assert_eq!((told.import, told.list), (None, None));
    assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().total(), 0);
    assert!(rig.store.imports(9).await.unwrap().is_empty());
    assert_eq!(import(&rig, text).await.unwrap().counts, told.counts);
}

#[tokio::test]
async fn a_corrected_error_file_imports_and_an_import_can_be_undone() {
    let mut rig = Rig::new().await;
    let first = import(&rig, "phone,name\n1380000000x,王芳\n13800000002,李伟\n").await.unwrap();
    let errors = std::fs::read_to_string(rig.directory.path().join("errors.csv")).unwrap();
    let second = import(&rig, errors.replace("1380000000x", "13800000001")).await.unwrap();
    assert_eq!(second.counts.accepted, 1, "{errors}");
    let lead = rig.store.leads_of_number(&number("+8613800000001")).await.unwrap().remove(0);
    assert_eq!((lead.name.as_str(), lead.extra.len()), ("王芳", 0));
    let dialled = rig.store.leads_of_number(&number("+8613800000002")).await.unwrap().remove(0);
    let intent = rig.intent(dialled.id, "+8613800000002");
    let attempt = intent.attempt;
    rig.record(intent).await;
    let retry = Some(LeadNext::Retry { at: after(60) });
    rig.store.end_attempt(end(attempt, Disposition::Busy, retry)).await.unwrap();
    let (first, second) = (first.import.unwrap(), second.import.unwrap());
    let late = rig.store.undo_import(first, "ann", NOW + DAY + DAY, DAY).await.unwrap_err();
    assert_eq!(late, StoreError::TooLate { what: "import", name: first.to_string(), until: NOW + DAY });
    for (import, expected) in
        [(first, Undone { given_up: 1, ..Undone::default() }), (second, Undone { removed: 1, ..Undone::default() })]
    {
        let outlook = rig.store.undo_outlook(import, DAY).await.unwrap();
        assert_eq!((outlook.would, outlook.until), (expected, NOW + DAY));
        assert_eq!(rig.store.undo_import(import, "ann", after(90), DAY).await.unwrap(), expected);
    }
    assert!(rig.store.undo_import(first, "ann", after(91), DAY).await.is_err());
    assert!(rig.store.lead(lead.id).await.unwrap().is_none());
    assert_eq!(rig.store.lead(dialled.id).await.unwrap().unwrap().state, LeadState::GivenUp);
}

#[tokio::test]
async fn a_list_larger_than_several_batches_adds_up_and_reports_its_progress() {
    let rig = Rig::new().await;
    let mut text = "phone,name\n".to_owned();
    for place in 0..6000_u64 {
        // Not sorted; each number three times, in rows far apart.
        text.push_str(&format!("138{:08},客户\n", (place * 7919) % 2000));
    }
    let mut seen = Vec::new();
    let plan = plan(&rig, text);
    let outcome = rig.store.import_leads(plan, reader(), &mut |progress| seen.push(progress)).await.unwrap();
    let counts = ImportCounts { rows: 6000, accepted: 2000, duplicate: 4000, ..ImportCounts::default() };
    assert_eq!(outcome.counts, counts);
    assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().open, 2000);
    let merging = seen.iter().filter(|progress| progress.stage == ImportStage::Merging);
    let batch = rig.store.rows_per_merge() as u64;
    let expected: Vec<u64> = (1..=6000_u64.div_ceil(batch)).map(|done| (done * batch).min(6000)).collect();
    assert!(expected.len() > 2, "{expected:?}");
    assert_eq!(merging.map(|progress| progress.rows).collect::<Vec<_>>(), expected);
    // The first row of a number counts, also when its rows lie in two batches.
    assert!(errors(&rig).iter().skip(1).all(|row| {
        let line: u64 = row[2].parse().unwrap();
        let first: u64 = row[5].rsplit("line ").next().unwrap().split(' ').next().unwrap().parse().unwrap();
        first <= 2001 && first < line
    }));
}

#[tokio::test]
async fn a_ledger_file_adds_suppressions_and_can_be_imported_again() {
    let rig = Rig::new().await;
    let path = rig.directory.path().join("dnc.csv");
    std::fs::write(
        &path,
        "号码,原因,到期,活动\n13800000001,complaint,2026-12-24,spring\n13800000002,,,\nbad,,,\n13800000003,because,,\n",
    )
    .unwrap();
    let plan = LedgerPlan {
        path,
        kind: LedgerKind::Suppressions,
        defaults: LedgerDefaults::default(),
        zone: "Asia/Shanghai".to_owned(),
        format: FileFormat::default(),
        number_column: None,
        mode: ImportMode::Run,
        error_file: Some(rig.directory.path().join("errors.csv")),
        by: "ann".to_owned(),
        at: NOW,
    };
    for _ in 0..2 {
        let outcome = rig.store.import_ledger(plan.clone(), reader(), &mut |_| {}).await.unwrap();
        assert_eq!((outcome.counts.rows, outcome.counts.accepted, outcome.counts.invalid), (4, 2, 2));
    }
    assert_eq!(rig.store.count_suppressions(NOW).await.unwrap(), 2);
    let held = rig.store.suppressions_of(&number("+8613800000001")).await.unwrap();
    assert_eq!(held.len(), 1);
    assert_eq!((held[0].reason, held[0].scope.clone()), (SuppressionReason::Complaint, Scope::Campaign(key("spring"))));
    // Until 24 December means to the end of that day in Shanghai.
    assert_eq!(held[0].expires_at.unwrap().to_string(), "2026-12-24T16:00:00.000Z");
    let codes: Vec<String> = errors(&rig).into_iter().skip(1).map(|row| row[6].clone()).collect();
    assert_eq!(codes, ["number_invalid", "reason_unknown"]);
    assert_eq!(rig.store.suppressions(None, 10).await.unwrap().len(), 2);
    assert_eq!(rig.store.suppressions_since(NOW).await.unwrap().len(), 2);
}

#[tokio::test]
async fn a_consent_file_needs_the_words_and_the_time_of_each() {
    let rig = Rig::new().await;
    let path = rig.directory.path().join("consents.csv");
    std::fs::write(
        &path,
        "phone,text,at,channel\n13800000001,Call me,2026-05-01 12:00,web\n13800000002,,2026-05-01,web\n13800000003,Call me,,web\n13800000004,Call me,2099-01-01,web\n",
    )
    .unwrap();
    let plan = LedgerPlan {
        path,
        kind: LedgerKind::Consents,
        defaults: LedgerDefaults::default(),
        zone: "Asia/Shanghai".to_owned(),
        format: FileFormat::default(),
        number_column: None,
        mode: ImportMode::Run,
        error_file: None,
        by: "ann".to_owned(),
        at: NOW,
    };
    let outcome = rig.store.import_ledger(plan, reader(), &mut |_| {}).await.unwrap();
    assert_eq!(outcome.counts.accepted, 1);
    let codes: Vec<&str> = outcome.rejected.keys().map(String::as_str).collect();
    assert_eq!(codes, ["text_missing", "time_ahead", "time_missing"]);
    let row = rig.store.consents_of(&number("+8613800000001")).await.unwrap().remove(0);
    assert_eq!((row.at.to_string().as_str(), row.source.as_str()), ("2026-05-01T04:00:00.000Z", "consents.csv"));
    assert!(rig.store.has_consent(&number("+8613800000001"), &Scope::All, NOW).await.unwrap());
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (0..40_u32).prop_map(|n| format!("138000000{n:02}")),
        1 => "[a-c,\"\r\n é\0;]{0,8}",
        1 => Just(String::new()),
        1 => Just("+99912345678".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn counts_add_up_for_any_file_and_agree_with_the_database(
        rows in proptest::collection::vec(proptest::collection::vec(cell(), 1..4), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let rig = Rig::new().await;
            let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            writer.write_record(["phone", "name"]).unwrap();
            for row in &rows {
                writer.write_record(row).unwrap();
            }
            let outcome = import(&rig, writer.into_inner().unwrap()).await.unwrap();
            let counts = outcome.counts;
            assert_eq!(counts.rows as usize, rows.len());
            assert_eq!(counts.accepted + counts.rejected(), counts.rows);
            assert_eq!(outcome.rejected.values().sum::<u64>(), counts.rejected());
            assert_eq!(rig.store.lead_counts(&key("spring")).await.unwrap().total(), counts.accepted);
            let listed = if counts.rejected() > 0 { errors(&rig).len() - 1 } else { 0 };
            assert_eq!(listed as u64, counts.rejected());
        });
    }
}

super::super::db::statements! {
    LEADS = "select number, name, extra from leads order by number";
}

/// What was brought in: number, name and extra cells, in the order of numbers.
async fn brought_in(rig: &Rig) -> Vec<(String, String, String)> {
    let mut conn = rig.store.reader().await.unwrap();
    let [leads] = STATEMENTS else { panic!("one statement") };
    let rows = conn.rows(*leads, vec![]).await.unwrap();
    // How a database spaces JSON is its own affair.
    let extra = |row: &super::super::db::Row| row.json::<serde_json::Value>("extra").unwrap().to_string();
    rows.iter().map(|row| (row.text("number").unwrap(), row.text("name").unwrap(), extra(row))).collect()
}

#[tokio::test]
async fn names_survive_every_encoding_and_the_error_file_can_be_imported_again() {
    let text = "手机号,姓名,城市\n13800000001,王小明,北京\n13800000002,欧阳娜娜,上海\n坏号码,张三,广州\n";
    let (gb, ..) = encoding_rs::GB18030.encode(text);
    let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let mut seen = Vec::new();
    for bytes in [text.as_bytes(), &gb, &utf16] {
        let rig = Rig::new().await;
        let outcome = import(&rig, bytes).await.unwrap();
        assert_eq!((outcome.counts.accepted, outcome.counts.invalid), (2, 1));
        seen.push((brought_in(&rig).await, errors(&rig)));
        let corrected = std::fs::read_to_string(rig.directory.path().join("errors.csv")).unwrap();
        let again = import(&rig, corrected.replace("坏号码", "13800000003")).await.unwrap();
        assert_eq!((again.counts.rows, again.counts.accepted), (1, 1), "what was corrected");
    }
    assert_eq!(seen[0].0[1].1, "欧阳娜娜");
    assert!(seen.iter().all(|one| *one == seen[0]), "{seen:?}");
}

fn workbook(rig: &Rig, sheets: &[(&str, &[&[&str]])]) -> ImportPlan {
    let mut book = rust_xlsxwriter::Workbook::new();
    for (name, rows) in sheets {
        let sheet = book.add_worksheet();
        sheet.set_name(*name).unwrap();
        for (row, cells) in rows.iter().enumerate() {
            for (column, text) in cells.iter().enumerate().filter(|(_, text)| !text.is_empty()) {
                let (row, column) = (row as u32, column as u16);
                match text.parse::<f64>() {
                    Ok(number) => sheet.write_number(row, column, number).unwrap(),
                    Err(_) => sheet.write_string(row, column, *text).unwrap(),
                };
            }
        }
    }
    let plan = plan(rig, "");
    book.save(&plan.path).unwrap();
    plan
}

#[tokio::test]
async fn a_workbook_is_read_as_it_looks_and_its_rows_are_named_as_excel_numbers_them() {
    let rig = Rig::new().await;
    let rows: &[&[&str]] = &[
        &["姓名", "手机", "年龄", "备注"],
        &["王芳", "13800000001", "36", ""],
        &[],
        &["李伟", "'138 0000 0002", "36.5", "两\n行"],
        &["张三", "nonsense", "", ""],
        &["赵六", "13800000003", "", "", "surplus"],
    ];
    let mut plan = workbook(&rig, &[("客户", rows), ("empty", &[])]);
    let rows = |mut rows: Vec<Vec<String>>| {
        rows.iter_mut().for_each(|row| row.retain(|cell| !cell.is_empty()));
        rows
    };
    plan.format.sheet = None;
    let read: ReadNumber = {
        let reader = reader();
        Arc::new(move |text: &str| reader(text.trim_start_matches('\'')))
    };
    let outcome = rig.store.import_leads(plan, read, &mut |_| {}).await.unwrap();
    assert_eq!((outcome.counts.rows, outcome.counts.accepted, outcome.counts.invalid), (4, 2, 2));
    let leads = brought_in(&rig).await;
    assert_eq!(leads[0], ("+8613800000001".to_owned(), "王芳".to_owned(), r#"{"年龄":"36"}"#.to_owned()));
    assert_eq!(leads[1].2, r#"{"备注":"两\n行","年龄":"36.5"}"#);
    let errors = rows(errors(&rig));
    assert_eq!(errors[1][2..5], ["5", "手机", "number_invalid"]);
    assert_eq!(errors[2][2..4], ["6", "ragged_row"]);
}

#[tokio::test]
async fn which_sheet_is_meant_is_asked_where_several_have_cells() {
    let rig = Rig::new().await;
    let (one, two): (&[&[&str]], &[&[&str]]) = (&[&["phone"], &["13800000001"]], &[&["phone"], &["13800000002"]]);
    let plan = workbook(&rig, &[("May", one), ("June", two)]);
    let error = rig.store.import_leads(plan.clone(), reader(), &mut |_| {}).await.unwrap_err();
    assert_eq!(error, ImportError::WhichSheet { found: "May, June".to_owned() });
    let format = FileFormat { sheet: Some("July".to_owned()), ..FileFormat::default() };
    let error = rig.store.import_leads(ImportPlan { format, ..plan.clone() }, reader(), &mut |_| {}).await.unwrap_err();
    assert_eq!(error, ImportError::NoSuchSheet { name: "July".to_owned(), found: "May, June".to_owned() });
    let format = FileFormat { sheet: Some("June".to_owned()), ..FileFormat::default() };
    rig.store.import_leads(ImportPlan { format, ..plan }, reader(), &mut |_| {}).await.unwrap();
    assert_eq!(brought_in(&rig).await[0].0, "+8613800000002");
}

#[tokio::test]
async fn an_import_that_is_broken_off_anywhere_goes_on_to_the_same_end() {
    let mut text = "phone,name\n".to_owned();
    for n in 0..9_000_u32 {
        // In no order, every hundredth twice, every thousandth no number.
        let number = (n * 7_919) % 9_000;
        let number = if n % 100 == 1 { number.saturating_sub(1) } else { number };
        let shown = if n % 1000 == 7 { "none".to_owned() } else { format!("1381000{number:04}") };
        text.push_str(&format!("{shown},name {n}\n"));
    }
    let undisturbed = Rig::new().await;
    let mut steps = 0;
    let whole = undisturbed.store.import_leads(plan(&undisturbed, &text), reader(), &mut |_| steps += 1).await.unwrap();
    assert!(steps > 8 && whole.counts.duplicate > 80 && whole.counts.invalid == 9, "{steps} {:?}", whole.counts);
    let rig = Rig::new().await;
    for last in 1..steps {
        broken_off(&rig, plan(&rig, &text), last).await;
    }
    let imports = rig.store.imports(100).await.unwrap();
    assert_eq!(imports.len(), 1, "one import, however often it was broken off");
    let again = import(&rig, &text).await.unwrap();
    assert!(again.resumed);
    assert_eq!((again.counts, &again.rejected), (whole.counts, &whole.rejected));
    assert_eq!(errors(&rig), errors(&undisturbed));
    assert_eq!(brought_in(&rig).await, brought_in(&undisturbed).await);
    assert_eq!(leftovers(&rig), Vec::<String>::new());
    let third = import(&rig, &text).await.unwrap();
    assert_eq!((third.resumed, third.counts), (true, whole.counts), "the same file is the same import");
    let another = ImportPlan { list: "June".to_owned(), ..plan(&rig, &text) };
    let another = rig.store.import_leads(another, reader(), &mut |_| {}).await.unwrap();
    assert_eq!((another.resumed, another.counts.accepted), (false, 0), "to another list it is another");
    rig.store.undo_import(again.import.unwrap(), "ann", NOW, DAY).await.unwrap();
    let afresh = import(&rig, &text).await.unwrap();
    assert_eq!((afresh.resumed, afresh.counts), (false, whole.counts), "taken back it is as if it had never been");
}

#[tokio::test]
async fn rows_of_known_numbers_bring_leads_up_to_date_and_leave_what_they_do_not_say() {
    let rig = Rig::new().await;
    import(&rig, "phone,name,city,plan\n13800000001,王芳,上海,A\n13800000002,李伟,北京,B\n").await.unwrap();
    let text = "phone,name,city,priority\n13800000001,,广州,90\n13800000003,张三,武汉,\nnone,x,y,\n";
    let duplicates = Duplicates { policy: DuplicatePolicy::Update, ..Duplicates::default() };
    let update = ImportPlan { duplicates, list: "June".to_owned(), ..plan(&rig, text) };
    let dry = ImportPlan { mode: ImportMode::DryRun, ..update.clone() };
    let told = rig.store.import_leads(dry, reader(), &mut |_| {}).await.unwrap();
    let done = rig.store.import_leads(update.clone(), reader(), &mut |_| {}).await.unwrap();
    let counts = ImportCounts { rows: 3, accepted: 1, updated: 1, invalid: 1, ..ImportCounts::default() };
    assert_eq!((told.counts, done.counts), (counts, counts));
    assert_eq!(errors(&rig).len(), 2, "what was brought up to date needs no correction");
    let lead = |number: &str, name: &str, extra: &str| (number.to_owned(), name.to_owned(), extra.to_owned());
    let leads = [
        lead("+8613800000001", "王芳", r#"{"city":"广州","plan":"A"}"#),
        lead("+8613800000002", "李伟", r#"{"city":"北京","plan":"B"}"#),
        lead("+8613800000003", "张三", r#"{"city":"武汉"}"#),
    ];
    assert_eq!(brought_in(&rig).await, leads);
    let first = rig.due().await.remove(0);
    assert_eq!(first.number, number("+8613800000001"), "the priority that it has now");
    let again = rig.store.import_leads(update, reader(), &mut |_| {}).await.unwrap();
    assert_eq!(again.counts, counts, "twice is as once");
    assert_eq!(rig.store.imports(1).await.unwrap()[0].counts.updated, 1);
}

#[tokio::test]
async fn numbers_of_other_campaigns_are_duplicates_where_that_is_asked() {
    let rig = Rig::new().await;
    rig.campaign("autumn").await;
    let other = ImportPlan { campaign: key("autumn"), ..plan(&rig, "phone\n13800000001\n") };
    rig.store.import_leads(other, reader(), &mut |_| {}).await.unwrap();
    let duplicates = Duplicates { scope: DuplicateScope::Everywhere, policy: DuplicatePolicy::Update };
    let everywhere = ImportPlan { duplicates, ..plan(&rig, "phone\n13800000001\n13800000002\n") };
    let outcome = rig.store.import_leads(everywhere, reader(), &mut |_| {}).await.unwrap();
    assert_eq!((outcome.counts.accepted, outcome.counts.updated, outcome.counts.duplicate), (1, 0, 1));
    assert!(errors(&rig)[1].iter().any(|cell| cell.contains("campaign autumn")), "{:?}", errors(&rig));
    let here = import(&rig, "phone\n13800000001\n13800000002\n").await.unwrap();
    assert_eq!((here.counts.accepted, here.counts.duplicate), (1, 1), "else a number may be on several campaigns");
}

#[tokio::test]
async fn scores_and_replies_of_a_file_place_its_rows_and_those_that_they_update() {
    let rig = Rig::new().await;
    let selection = Selection {
        order: LeadOrder::Score,
        only: vec![Condition {
            column: "城市".to_owned(),
            is: vec!["上海".to_owned()],
            not: vec![],
            at_least: None,
            at_most: None,
        }],
        ..Selection::default()
    };
    let chosen = Campaign { leads: selection.clone(), ..campaign("spring") };
    rig.store.apply_campaign(chosen, "chosen", "ann", "test", NOW).await.unwrap();
    let text = "手机号,评分,回复时间,城市\n\
        13800000001,12,2026-05-01 08:00,上海\n\
        13800000002,\"1,200.4\",2026-05-01T00:30:00Z,上海\n\
        13800000003,9999,,北京\n\
        13800000004,high,,上海\n\
        13800000005,7,yesterday,上海\n";
    let counts = import(&rig, text).await.unwrap().counts;
    assert_eq!((counts.accepted, counts.invalid), (3, 2));
    let codes: Vec<String> = errors(&rig).iter().skip(1).map(|row| row[6].clone()).collect();
    assert_eq!(codes, ["score_invalid", "date_invalid"]);
    let fetched = async || {
        let leads =
            rig.store.fetch_leads(&key("spring"), &selection, NOW, 9, &HashSet::new(), &|_| true).await.unwrap();
        leads.into_iter().map(|lead| lead.number.as_str()[13..].to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(fetched().await, ["2", "1"]);
    let card = rig.store.leads_of_number(&number("+8613800000001")).await.unwrap().remove(0);
    assert_eq!(card.score, Some(12));
    let shanghai: jiff::Timestamp = "2026-05-01T00:00:00Z".parse().unwrap();
    assert_eq!(card.replied_at, Some(shanghai.into()), "a clock without a zone is the customer's");
    assert_eq!(card.extra.get("评分").map(String::as_str), Some("12"), "agents see it as it stands");
    // Cells that change move their leads, and bring them back.
    let update = ImportPlan {
        duplicates: Duplicates { policy: DuplicatePolicy::Update, ..Duplicates::default() },
        ..plan(&rig, "手机号,评分,城市\n13800000001,5000,\n13800000003,100,上海\n")
    };
    assert_eq!(rig.store.import_leads(update, reader(), &mut |_| {}).await.unwrap().counts.updated, 2);
    assert_eq!(fetched().await, ["1", "2", "3"]);
}
