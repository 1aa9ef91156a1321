//! `lull order`: what customers ordered, and what became of it.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::exports::How;
use super::ledgers::Numbered;
use super::moment::{Moment, moment};
use super::people::BY;
use super::place::Installation;
use super::{Failure, Outcome, Place, in_columns, show};
use crate::export::Kind;
use crate::model::dialable::Region;
use crate::model::name::CampaignKey;
use crate::model::order::{OrderNumber, OrderState};
use crate::store::{
    Delimiter, FileFormat, ImportMode, Moved, OrderChange, OrderFileOutcome, OrderFilePlan, OrderFilter, OrderMove,
    OrderRow, StoreError, TextEncoding,
};

/// What customers ordered, and what became of it. docs/orders.md tells more.
#[derive(Debug, Subcommand)]
pub(crate) enum Orders {
    /// Lists orders, newest first.
    List(List),
    /// Shows one order with its history.
    Show(Show),
    /// Records that an order came into a state.
    Set(Set),
    /// Takes a carrier's delivery file in: CSV or XLSX with columns for order number and state, and time, carrier, tracking number
    /// and note where there are any. The same file twice changes nothing. Exit code 3 if rows are complained about.
    Import(Import),
    /// Writes orders to a file, one row for each, newest first.
    Export(Export),
    /// Erases from a customer's orders what tells who it is; what was ordered and what became of it stays.
    Erase(Erase),
}

/// Which orders.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only of this campaign.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// Only in this state: confirmed, dispatched, delivered, refused, returned or cancelled.
    #[arg(long)]
    state: Option<OrderState>,
    /// Only of the customer with this number.
    #[arg(long)]
    number: Option<String>,
    /// Country of a number in national form; without it, the region of the configuration.
    #[arg(long)]
    region: Option<Region>,
    /// Only those that a person should look at: their result was corrected after they had left.
    #[arg(long)]
    attention: bool,
    /// At most so many, 1 to 1000.
    #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=1000))]
    limit: u16,
}

/// One order.
#[derive(Debug, Args)]
pub(crate) struct Show {
    /// Its number; spaces and hyphens make no difference.
    order: OrderNumber,
}

/// A state that an order came into.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// Its number.
    order: OrderNumber,
    /// The state: dispatched, delivered, refused, returned or cancelled.
    state: OrderState,
    /// When: 2026-11-16, 2026-11-16T08:00 or 2026-11-16T00:00:00Z; without it, now.
    #[arg(long, value_parser = moment)]
    at: Option<Moment>,
    /// Who carries it.
    #[arg(long)]
    carrier: Option<String>,
    /// What the carrier calls it.
    #[arg(long)]
    tracking: Option<String>,
    /// What else is to be known of this.
    #[arg(long, default_value = "")]
    detail: String,
}

/// A delivery file.
#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file.
    file: PathBuf,
    /// Checks every row and changes nothing.
    #[arg(long)]
    dry_run: bool,
    /// Encoding of a text file (utf-8, gb18030, utf-16le, big5, windows-1252 ...); without it, what it looks like.
    #[arg(long)]
    encoding: Option<TextEncoding>,
    /// What stands between cells: comma, semicolon, tab, pipe, or the sign; without it, the likeliest in the header.
    #[arg(long)]
    delimiter: Option<Delimiter>,
    /// Sheet of a workbook, where several have cells.
    #[arg(long)]
    sheet: Option<String>,
}

/// Orders as a file.
#[derive(Debug, Args)]
pub(crate) struct Export {
    /// The file: its name ends in .csv or .xlsx.
    file: PathBuf,
    /// Only of this campaign.
    #[arg(long)]
    campaign: Option<CampaignKey>,
    /// Only in this state: confirmed are those to be dispatched.
    #[arg(long)]
    state: Option<OrderState>,
    #[command(flatten)]
    how: How,
}

/// Whose orders lose what tells who it is.
#[derive(Debug, Args)]
pub(crate) struct Erase {
    #[command(flatten)]
    number: Numbered,
    /// Why; kept in the audit trail.
    #[arg(long)]
    why: String,
}

impl Orders {
    pub(crate) fn run(self, place: &Place) -> Result<Outcome, Failure> {
        let installation = Installation::open(place)?;
        match self {
            Orders::List(list) => list.run(place, &installation),
            Orders::Show(show) => show.run(place, &installation),
            Orders::Set(set) => set.run(place, &installation),
            Orders::Import(import) => import.run(place, &installation),
            Orders::Export(Export { file, campaign, state, how }) => {
                how.write(place, &installation, (Kind::Orders, state), campaign, file)
            }
            Orders::Erase(erase) => erase.run(place, &installation),
        }
    }
}

impl List {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let number = match self.number {
            Some(number) => Some(Numbered { number, region: self.region }.read(installation)?),
            None => None,
        };
        if let Some(campaign) = &self.campaign {
            installation.must_know(campaign)?;
        }
        let filter = OrderFilter {
            campaign: self.campaign,
            state: self.state,
            number,
            attention: self.attention,
            ..OrderFilter::default()
        };
        let limit = usize::from(self.limit);
        let rows = installation.with_store(|store, _| async move { store.orders(&filter, None, limit).await })?;
        show(place.json, &rows, || table(&rows));
        Ok(Outcome::Done)
    }
}

fn table(rows: &[OrderRow]) -> String {
    if rows.is_empty() {
        return "there are no orders. A result that means accepted opens one, in a campaign whose file has [order]."
            .to_owned();
    }
    let line = |row: &OrderRow| {
        let flag = if row.attention.is_some() { " (look at it)" } else { "" };
        vec![
            row.order.to_string(),
            format!("{}{flag}", row.state),
            row.state_at.to_string(),
            row.campaign.to_string(),
            row.number.as_ref().map(ToString::to_string).unwrap_or_default(),
            format!("{} {}", row.value, row.currency),
        ]
    };
    in_columns(&rows.iter().map(line).collect::<Vec<_>>())
}

impl Show {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let order = self.order;
        let found = installation.with_store(|store, _| async move { store.order(order).await })?;
        let (row, history) = found.ok_or_else(|| none(order))?;
        show(place.json, &serde_json::json!({ "order": row, "history": history }), || told(&row, &history));
        Ok(Outcome::Done)
    }
}

fn none(order: OrderNumber) -> Failure {
    Failure::new(format!("there is no order {order}; `lull order list` shows which there are"))
}

fn told(row: &OrderRow, history: &[OrderChange]) -> String {
    let mut text = format!("order {} of `{}`: {} since {}\n", row.order, row.campaign, row.state, row.state_at);
    for item in &row.items {
        let _ = writeln!(text, "  {} × {} at {} {}", item.quantity, item.name, item.price, row.currency);
    }
    let _ = writeln!(text, "value: {} {}", row.value, row.currency);
    let number = row.number.as_ref().map(ToString::to_string).unwrap_or_default();
    let call = row.call.to_string();
    for (name, value) in [
        ("customer", &number),
        ("recipient", &row.recipient),
        ("address", &row.address),
        ("note", &row.note),
        ("carrier", &row.carrier),
        ("tracking", &row.tracking),
        ("call", &call),
    ] {
        if !value.is_empty() {
            let _ = writeln!(text, "{name}: {value}");
        }
    }
    if row.attention.is_some() {
        text.push_str("look at it: its result was corrected after it had left\n");
    }
    if let Some(at) = row.erased_at {
        let _ = writeln!(text, "the customer's data were erased at {at}");
    }
    for change in history {
        let detail = if change.detail.is_empty() { String::new() } else { format!(": {}", change.detail) };
        let _ = writeln!(text, "{} {} by {} ({}){detail}", change.at, change.state, change.by, change.source);
    }
    text
}

impl Set {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let at = self.at.map(|at| at.at(&installation.zone(), false)).transpose()?;
        let (order, wanted) = (self.order, self.state);
        let one =
            OrderMove { order, state: wanted, at, carrier: self.carrier, tracking: self.tracking, detail: self.detail };
        let moved = installation
            .with_store(|store, now| async move { store.set_orders(vec![one], BY, "command", now).await })?
            .pop();
        match moved {
            None | Some(Moved::Unknown) => Err(none(order)),
            Some(moved) => {
                if let Some(problem) = moved.problem(wanted) {
                    return Err(Failure::new(format!("order {order}: {problem}")));
                }
                show(place.json, &serde_json::json!({ "order": order, "moved": moved }), || match moved {
                    Moved::AlreadySo { state } if state != wanted => {
                        format!("order {order} was {wanted} before and is {state} now; nothing was changed.")
                    }
                    Moved::AlreadySo { .. } => format!("order {order} is {wanted} already; nothing was changed."),
                    _ => format!("order {order} is {wanted}."),
                });
                Ok(Outcome::Done)
            }
        }
    }
}

impl Import {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let Import { file, dry_run, encoding, delimiter, sheet } = self;
        let country = Some(installation.config.installation.region.to_string().to_ascii_lowercase());
        let plan = OrderFilePlan {
            name: file.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            path: file,
            format: FileFormat { encoding, delimiter, sheet, country },
            zone: installation.zone(),
            mode: if dry_run { ImportMode::DryRun } else { ImportMode::Run },
            by: BY.to_owned(),
            at: installation.now(),
        };
        let outcome = installation
            .with_store(|store, _| async move { Ok::<_, StoreError>(store.import_orders(plan).await) })??;
        show(place.json, &outcome, || counted(&outcome, dry_run));
        Ok(if outcome.complained == 0 { Outcome::Done } else { Outcome::Findings })
    }
}

fn counted(outcome: &OrderFileOutcome, dry_run: bool) -> String {
    let OrderFileOutcome { rows, changed, already, complained, complaints } = outcome;
    let would = if dry_run { "would be changed" } else { "changed" };
    let mut text =
        format!("rows: {rows}; {would}: {changed}, known already: {already}, complained about: {complained}\n");
    for complaint in complaints {
        let _ = writeln!(text, "line {}: order {}: {}", complaint.line, complaint.order, complaint.problem);
    }
    let more = complained.saturating_sub(complaints.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "and {more} more");
    }
    text
}

impl Erase {
    fn run(self, place: &Place, installation: &Installation) -> Result<Outcome, Failure> {
        let number = self.number.read(installation)?;
        if self.why.trim().is_empty() {
            return Err(Failure::new("--why: say why; it is kept in the audit trail"));
        }
        let (whose, why) = (number.clone(), self.why);
        let erased =
            installation.with_store(|store, now| async move { store.erase_orders_of(&whose, BY, &why, now).await })?;
        show(place.json, &serde_json::json!({ "number": number, "erased": erased }), || {
            format!("orders of which the customer's data were erased: {erased}.")
        });
        Ok(Outcome::Done)
    }
}
