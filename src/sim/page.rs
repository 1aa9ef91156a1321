//! A page with charts: one file that needs nothing else, drawn by the program, for light and dark screens.

use std::fmt::Write;

use super::report::{self, Told};
use super::trace::{Point, Trace};

/// Size of a chart, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
/// Room for the figures at its left and below.
const LEFT: f64 = 44.0;
const BELOW: f64 = 22.0;
/// Room above and at the right, so that no line is cut.
const MARGIN: f64 = 8.0;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1b1f24;--paper:#fff;--dim:#6b7280;--rule:#d7dbe0;--a:#0f766e;--b:#b45309;--c:#9aa4b2;--d:#7c3aed;--e:#c2255c}\
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--paper:#14171c;--dim:#9aa4b2;--rule:#333a45;--a:#2dd4bf;--b:#f59e0b;--c:#4b5563;--d:#a78bfa;--e:#f472b6}}\
body{margin:0 auto;padding:24px;max-width:1540px;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,sans-serif}\
h1{font-size:22px}h2{font-size:17px;margin:20px 0 4px}h3{font-size:14px;margin:14px 0 2px;font-weight:600}\
.side{display:flex;flex-wrap:wrap;gap:28px}.side>section{flex:1 1 480px;min-width:0}\
svg{width:100%;height:auto;display:block}svg text{fill:var(--dim);font:11px system-ui,sans-serif}\
.key{color:var(--dim);font-size:13px}.key b{font-weight:600}\
table{border-collapse:collapse;margin:10px 0}td,th{padding:3px 14px 3px 0;text-align:right;border-bottom:1px solid var(--rule);font-variant-numeric:tabular-nums}\
td:first-child,th:first-child{text-align:left;white-space:pre}.wide{overflow-x:auto}";

/// A line of a chart.
pub(super) struct Line<'l> {
    pub(super) name: &'l str,
    pub(super) colour: &'l str,
    pub(super) values: Vec<Option<f64>>,
    pub(super) filled: bool,
}

/// The page of these policies: the figures, then the charts of each one's first day, side by side.
pub fn page(title: &str, told: &[Told], traces: &[Option<Trace>]) -> String {
    let mut html = head(title);
    figures(&mut html, told);
    html.push_str("<h2>The first day</h2>\n<div class=\"side\">\n");
    for (told, trace) in told.iter().zip(traces) {
        let Some(trace) = trace else { continue };
        let _ = writeln!(html, "<section><h2>{}</h2>", escaped(&told.pacing)); // writing to a string cannot fail
        charts(&mut html, trace);
        html.push_str("</section>\n");
    }
    html.push_str("</div>\n</html>\n");
    html
}

/// How every page begins.
pub(super) fn head(title: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n<h1>{title}</h1>\n",
        title = escaped(title)
    )
}

fn figures(html: &mut String, told: &[Told]) {
    html.push_str("<div class=\"wide\"><table><tr><th></th>");
    for told in told {
        let _ = write!(html, "<th>{}</th>", escaped(&told.pacing));
    }
    html.push_str("</tr>\n");
    for (name, cells) in report::lines(told) {
        let _ = write!(html, "<tr><td>{}</td>", escaped(name));
        for cell in cells {
            let _ = write!(html, "<td>{}</td>", escaped(&cell));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n<p class=\"key\">± is the half-width of the 95 % interval over the days.</p>\n");
}

fn charts(html: &mut String, trace: &Trace) {
    let times: Vec<f64> = trace.points.iter().map(|point| point.at_s).collect();
    let values = |of: &dyn Fn(&Point) -> f64| trace.points.iter().map(|point| Some(of(point))).collect::<Vec<_>>();
    let line = |name, colour, values| Line { name, colour, values, filled: false };
    let area = |name, colour, values| Line { name, colour, values, filled: true };
    // Areas are drawn from the back: each is the sum of those before it.
    let agents = [
        area("idle", "var(--c)", values(&|p| f64::from(p.outbound + p.inbound + p.idle))),
        area("on inbound", "var(--b)", values(&|p| f64::from(p.outbound + p.inbound))),
        area("on outbound", "var(--a)", values(&|p| f64::from(p.outbound))),
    ];
    chart(html, "Agents", &times, &agents, None);
    let idleness = [
        area("gate open", "var(--c)", values(&|p| f64::from(u8::from(p.gate_open)))),
        line("idleness", "var(--a)", values(&|p| p.idleness)),
        line("threshold", "var(--e)", values(&|p| p.idle_threshold)),
    ];
    chart(html, "Idleness and gate", &times, &idleness, Some(1.0));
    let ringing = [
        line("slots", "var(--b)", values(&|p| f64::from(p.slots))),
        line("ringing", "var(--a)", values(&|p| f64::from(p.ringing))),
        line("callers waiting", "var(--e)", values(&|p| f64::from(p.waiting))),
        line("reserve", "var(--d)", values(&|p| p.reserve)),
    ];
    chart(html, "Ringing and slots", &times, &ringing, None);
    let abandoned = trace.points.iter().map(|point| point.abandon_rate.map(|rate| rate * 100.0)).collect();
    let cap = trace.abandon_cap.unwrap_or_default() * 100.0;
    let rates = [line("abandoned so far, %", "var(--a)", abandoned), line("cap, %", "var(--e)", values(&|_| cap))];
    chart(html, "Abandon rate against the cap", &times, &rates, Some((cap * 2.0).max(1.0)));
}

/// One chart over times in seconds. Without a fixed top it ends at its largest value.
pub(super) fn chart(html: &mut String, title: &str, times: &[f64], lines: &[Line<'_>], top: Option<f64>) {
    let _ = write!(html, "<h3>{title}</h3><div class=\"key\">");
    for line in lines {
        let _ = write!(html, "<b style=\"color:{}\">■</b> {} &nbsp; ", line.colour, escaped(line.name));
    }
    let largest = lines.iter().flat_map(|line| line.values.iter().flatten()).copied().fold(0.0, f64::max);
    let top = top.unwrap_or(largest.max(1.0)).max(1e-9);
    let end_s = times.last().copied().unwrap_or(1.0).max(1e-9);
    let x = |at_s: f64| LEFT + (WIDTH - LEFT - MARGIN) * at_s / end_s;
    let y = |value: f64| HEIGHT - BELOW - (HEIGHT - BELOW - MARGIN) * (value / top).clamp(0.0, 1.0);
    let _ = writeln!(html, "</div><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">");
    for quarter in 0..=4 {
        let value = top * f64::from(quarter) / 4.0;
        let (at, shown) = (y(value), if top >= 8.0 { format!("{value:.0}") } else { format!("{value:.2}") });
        let _ = writeln!(
            html,
            "<path d=\"M{LEFT} {at:.1}H{:.1}\" stroke=\"var(--rule)\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{shown}</text>",
            WIDTH - MARGIN,
            LEFT - 6.0,
            at + 4.0
        );
    }
    for sixth in 0..=6 {
        let at_s = end_s * f64::from(sixth) / 6.0;
        let anchor = if sixth == 6 { "end" } else { "middle" };
        let shown = format!("{:.1} h", at_s / 3600.0);
        let _ = writeln!(
            html,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{shown}</text>",
            x(at_s),
            HEIGHT - 6.0
        );
    }
    for line in lines {
        path(html, times, line, &x, &y);
    }
    html.push_str("</svg>\n");
}

fn path(html: &mut String, times: &[f64], line: &Line<'_>, x: &dyn Fn(f64) -> f64, y: &dyn Fn(f64) -> f64) {
    let mut drawn = String::new();
    let (mut first, mut last) = (None, LEFT);
    for (at_s, value) in times.iter().zip(&line.values) {
        let Some(value) = value else { continue };
        let (across, up) = (x(*at_s), y(*value));
        // Steps, because a count holds until it changes.
        let _ = match first {
            None => write!(drawn, "M{across:.1} {up:.1}"),
            Some(_) => write!(drawn, "H{across:.1}V{up:.1}"),
        };
        first = first.or(Some(across));
        last = across;
    }
    let Some(first) = first else { return };
    if line.filled {
        let floor = y(0.0);
        let _ = writeln!(html, "<path d=\"{drawn}H{last:.1}V{floor:.1}H{first:.1}Z\" fill=\"{}\"/>", line.colour);
    } else {
        let _ = writeln!(html, "<path d=\"{drawn}\" fill=\"none\" stroke=\"{}\" stroke-width=\"1.4\"/>", line.colour);
    }
}

pub(super) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
