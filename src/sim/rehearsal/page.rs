//! A page with charts of a rehearsal: recorded, as it was and changed, hour by hour.

use super::compare::{Comparison, HourFigures, HourPoint};
use crate::sim::page::{Line, chart, escaped, head};

/// The page: what was asked, the table, then the charts.
pub fn page(
    heading: &str,
    lines: &[String],
    heads: [&str; 4],
    rows: &[(&str, [String; 4])],
    told: &Comparison,
) -> String {
    let mut html = head(heading);
    lines.iter().for_each(|line| html.push_str(&format!("<p>{}</p>\n", escaped(line))));
    html.push_str("<div class=\"wide\"><table><tr><th></th>");
    heads.iter().for_each(|head| html.push_str(&format!("<th>{}</th>", escaped(head))));
    html.push_str("</tr>\n");
    for (title, cells) in rows {
        html.push_str(&format!("<tr><td>{}</td>", escaped(title)));
        cells.iter().for_each(|cell| html.push_str(&format!("<td>{}</td>", escaped(cell))));
        html.push_str("</tr>\n");
    }
    html.push_str("</table></div>\n");
    if told.hours.len() > 1 {
        charts(&mut html, &told.hours);
    }
    html.push_str("</html>\n");
    html
}

fn charts(html: &mut String, hours: &[HourPoint]) {
    let began = hours.first().map_or(0, |hour| hour.at.as_millis());
    let times: Vec<f64> = hours.iter().map(|hour| (hour.at.as_millis() - began) as f64 / 1000.0).collect();
    let mut draw = |title: &str, top: Option<f64>, of: &dyn Fn(&HourFigures) -> Option<f64>| {
        let values = |side: &dyn Fn(&HourPoint) -> HourFigures| hours.iter().map(|hour| of(&side(hour))).collect();
        let lines = [
            Line { name: "recorded", colour: "var(--c)", values: values(&|hour| hour.recorded), filled: true },
            Line { name: "as it was", colour: "var(--b)", values: values(&|hour| hour.as_it_was), filled: false },
            Line { name: "with the change", colour: "var(--a)", values: values(&|hour| hour.changed), filled: false },
        ];
        chart(html, title, &times, &lines, top);
    };
    draw("Customers connected in an hour", None, &|hour| Some(hour.connected));
    draw("Agents in use, %", Some(100.0), &|hour| hour.utilisation.map(|share| share * 100.0));
    draw("Service level, %", Some(100.0), &|hour| hour.service_level.map(|share| share * 100.0));
    draw("Abandon rate, %", None, &|hour| hour.abandon_rate.map(|share| share * 100.0));
}
