//! `/metrics`: how often, how fast and how safely each environment is deployed to. For managers.

use leptos::prelude::*;

use super::api::load_metrics;
use super::chart::WeeklyBars;
use super::{EnvironmentMetrics, Metrics};
use crate::ui::{Ago, EmptyState, ErrorNote, PageHead, Loading, duration, use_query_value};

const RANGES: [u32; 3] = [30, 90, 365];

/// The page. The range is in the URL as `?days=`.
#[component]
pub fn MetricsPage() -> impl IntoView {
    let asked = use_query_value("days");
    let days = Memo::new(move |_| {
        asked.get().and_then(|text| text.parse::<u32>().ok()).filter(|days| (1..=366).contains(days)).unwrap_or(90)
    });
    let metrics = Resource::new(move || days.get(), load_metrics);
    view! {
        <PageHead title="Metrics">
            <Ranges days/>
        </PageHead>
        <Suspense fallback=|| view! { <Loading/> }>
            {move || Suspend::new(async move {
                match metrics.await {
                    Ok(metrics) => view! { <Numbers metrics/> }.into_any(),
                    Err(error) => view! { <ErrorNote error/> }.into_any(),
                }
            })}
        </Suspense>
    }
}

#[component]
fn Ranges(days: Memo<u32>) -> impl IntoView {
    view! {
        <nav class="ranges" aria-label="Time range">
            {RANGES
                .map(|range| {
                    view! {
                        <a href=format!("/metrics?days={range}") aria-current=move || (days.get() == range).then_some("true")>
                            {format!("{range} days")}
                        </a>
                    }
                })
                .collect_view()}
        </nav>
    }
}

#[component]
fn Numbers(metrics: Metrics) -> impl IntoView {
    let Metrics { now, days, environments, definitions } = metrics;
    let none = environments.is_empty();
    view! {
        <p class="quiet">{format!("The last {days} days, counted ")}<Ago at=now now/>"."</p>
        <Show when=move || none>
            <EmptyState title="No environment yet" hint="Apply a policy that names environments; their numbers appear here."/>
        </Show>
        <div class="metric-cards">
            {environments.into_iter().map(|numbers| view! { <Card numbers/> }).collect_view()}
        </div>
        <section class="definitions">
            <h2>"How the numbers are made"</h2>
            <ul>{definitions.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
        </section>
    }
}

/// Thousandths as a percentage with one digit after the point.
fn percentage(thousandths: u32) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

#[component]
fn Card(numbers: EnvironmentMetrics) -> impl IntoView {
    let EnvironmentMetrics { environment, deployments, failure_rate, failures, lead_time_median, lead_time_p90, lead_time_n, weeks, sentence } =
        numbers;
    let commits = format!("n = {lead_time_n} commits");
    view! {
        <section class="metric-card">
            <h2><a href=format!("/environments/{environment}")>{environment.clone()}</a></h2>
            <dl class="figures">
                <Figure name="Deployments" value=Some(deployments.to_string()) of="came to rest".to_owned()/>
                <Figure name="Failure rate" value=failure_rate.map(percentage) of=format!("{failures} of n = {deployments}")/>
                <Figure name="Lead time, median" value=lead_time_median.map(duration) of=commits.clone()/>
                <Figure name="Lead time, 90th percentile" value=lead_time_p90.map(duration) of=commits/>
            </dl>
            <WeeklyBars name=environment weeks sentence/>
        </section>
    }
}

/// One number with what it is made of. Where there is none it says so; it never shows 0 instead.
#[component]
fn Figure(name: &'static str, value: Option<String>, of: String) -> impl IntoView {
    view! {
        <div>
            <dt>{name}</dt>
            <dd>
                {match value {
                    Some(value) => view! { <strong>{value}</strong>" "<small>{of}</small> }.into_any(),
                    None => view! { <span class="no-data">"no data"</span> }.into_any(),
                }}
            </dd>
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_read_as_percent() {
        assert_eq!(percentage(83), "8.3 %");
        assert_eq!(percentage(1000), "100.0 %");
    }
}
