//! Deployments per week as stacked bars: an SVG that the server renders and nothing has to redraw.
//!
//! The figure says the same three times: as a sentence, as a picture and, for those who want the numbers or cannot
//! see the picture, as a table.

use leptos::prelude::*;

use super::Week;
use crate::text::Millis;
use crate::ui::DataTable;

const WIDTH: u32 = 480;
const HEIGHT: u32 = 96;

/// One bar: where its two parts begin and how high they are, in the units of the view box.
#[derive(Debug, PartialEq, Eq)]
struct Bar {
    x: u32,
    width: u32,
    succeeded: (u32, u32),
    failed: (u32, u32),
}

/// Lays the weeks side by side, scaled to the highest one. A week with any deployment is at least two units high.
fn bars(weeks: &[Week]) -> Vec<Bar> {
    let count = u32::try_from(weeks.len()).unwrap_or(1).max(1);
    let highest = weeks
        .iter()
        .map(|week| week.succeeded + week.failed)
        .max()
        .unwrap_or(0)
        .max(1);
    let height = |number: u32| match number {
        0 => 0,
        number => (number * HEIGHT / highest).max(2),
    };
    weeks
        .iter()
        .zip(0_u32..)
        .map(|(week, index)| {
            let (left, right) = (index * WIDTH / count, (index + 1) * WIDTH / count);
            let gap = if right - left > 6 { 2 } else { 1 };
            let failed = height(week.failed);
            let succeeded = height(week.succeeded).min(HEIGHT - failed);
            Bar {
                x: left,
                width: (right - left).saturating_sub(gap).max(1),
                succeeded: (HEIGHT - succeeded, succeeded),
                failed: (HEIGHT - succeeded - failed, failed),
            }
        })
        .collect()
}

/// "16 Nov 2026": weeks begin on a Monday in UTC, wherever the reader is.
fn date(at: Millis) -> String {
    crate::ui::date_text(at)
}

/// What one bar says.
fn told(week: &Week) -> String {
    let start = date(week.start);
    match (week.succeeded, week.failed) {
        (0, 0) => format!("Week of {start}: no deployment"),
        (succeeded, failed) => format!("Week of {start}: {succeeded} succeeded, {failed} failed"),
    }
}

/// The figure. `name` must be unique on the page: it makes the ids. Where there was no deployment there is nothing to
/// draw, and the sentence stands alone.
#[component]
pub fn WeeklyBars(name: String, weeks: Vec<Week>, sentence: String) -> impl IntoView {
    let highest = weeks
        .iter()
        .map(|week| week.succeeded + week.failed)
        .max()
        .unwrap_or(0);
    let some = (highest > 0).then(|| {
        let label = format!("Deployments per week in {name}, at most {highest} in one week");
        let ends = weeks.first().zip(weeks.last()).map(|(first, last)| (date(first.start), date(last.start)));
        view! {
            <p class="bars-scale" aria-hidden="true">
                <span>{format!("{highest} a week")}</span>
                <span class="bars-key"><i class="key-succeeded"></i>"succeeded" <i class="key-failed"></i>"failed"</span>
            </p>
            {picture(&name, label.clone(), &weeks)}
            <p class="bars-ends" aria-hidden="true">
                {ends.map(|(first, last)| view! { <span>{first}</span> <span>{last}</span> })}
            </p>
            <details class="bars-data">
                <summary>"Numbers per week"</summary>
                {numbers(label, weeks)}
            </details>
        }
    });
    view! {
        <figure class="bars">
            <figcaption>{sentence}</figcaption>
            {some}
        </figure>
    }
}

fn picture(name: &str, label: String, weeks: &[Week]) -> impl IntoView + use<> {
    let hatch = format!("hatch-{name}");
    let hatched = format!("url(#{hatch})");
    let drawn = bars(weeks)
        .into_iter()
        .zip(weeks.iter().map(told))
        .map(|(bar, title)| {
            let Bar {
                x,
                width,
                succeeded,
                failed,
            } = bar;
            view! {
                <g>
                    <title>{title}</title>
                    <rect class="bar-space" x=x y="0" width=width height=HEIGHT></rect>
                    <rect class="bar-succeeded" x=x y=succeeded.0 width=width height=succeeded.1></rect>
                    <rect fill=hatched.clone() x=x y=failed.0 width=width height=failed.1></rect>
                </g>
            }
        })
        .collect_view();
    view! {
        <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") role="img" aria-label=label>
            <defs>
                <pattern id=hatch width="4" height="4" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
                    <rect class="bar-failed" width="4" height="4"></rect>
                    <rect class="bar-hatch" width="1.2" height="4"></rect>
                </pattern>
            </defs>
            {drawn}
        </svg>
    }
}

fn numbers(caption: String, weeks: Vec<Week>) -> impl IntoView {
    let rows = weeks
        .into_iter()
        .rev()
        .map(|week| {
            view! {
                <tr>
                    <th scope="row">{date(week.start)}</th>
                    <td class="num">{week.succeeded}</td>
                    <td class="num">{week.failed}</td>
                </tr>
            }
        })
        .collect_view();
    view! {
        <DataTable caption>
            <thead>
                <tr>
                    <th scope="col">"Week of"</th>
                    <th scope="col" class="num">"Succeeded"</th>
                    <th scope="col" class="num">"Failed"</th>
                </tr>
            </thead>
            <tbody>{rows}</tbody>
        </DataTable>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn week(succeeded: u32, failed: u32) -> Week {
        Week {
            start: 0,
            succeeded,
            failed,
        }
    }

    #[test]
    fn the_highest_week_fills_the_picture_and_nothing_leaves_it() {
        let drawn = bars(&[week(3, 1), week(0, 0), week(1, 0)]);
        assert_eq!(drawn[0].succeeded.1 + drawn[0].failed.1, HEIGHT);
        assert_eq!((drawn[1].succeeded.1, drawn[1].failed.1), (0, 0));
        assert!(
            drawn
                .iter()
                .all(|bar| bar.x + bar.width <= WIDTH && bar.failed.0 + bar.failed.1 <= HEIGHT)
        );
    }

    #[test]
    fn one_failure_among_hundreds_can_still_be_seen() {
        let drawn = bars(&[week(400, 1)]);
        assert!(drawn[0].failed.1 >= 2);
        assert_eq!(
            drawn[0].failed.0,
            HEIGHT - drawn[0].succeeded.1 - drawn[0].failed.1
        );
    }

    #[test]
    fn a_year_of_weeks_fits() {
        let drawn = bars(&vec![week(1, 0); 53]);
        assert_eq!(drawn.len(), 53);
        assert!(
            drawn
                .windows(2)
                .all(|pair| pair[0].x + pair[0].width <= pair[1].x)
        );
    }
}
