//! `/metrics`: how often, how fast and how safely each environment is deployed to. For managers.

use leptos::prelude::*;

use super::chart::WeeklyBars;
use super::{EnvironmentMetrics, LoadMetrics, Metrics};
use crate::ui::{EmptyState, PageHead, Section, Time, duration_text, encode, line_class, still, use_query};
use crate::wire::Question;

const RANGES: [u32; 3] = [30, 90, 365];

/// The page. The range is in the URL as `?days=`.
#[component]
pub fn MetricsPage() -> impl IntoView {
    let query = use_query();
    let question = move || {
        let asked = query
            .get_untracked()
            .get("days")
            .and_then(|days| days.parse().ok());
        let days = asked.filter(|days| (1..=366).contains(days)).unwrap_or(90);
        Question::new(LoadMetrics { days })
    };
    view! {
        <PageHead title="Metrics"/>
        {still(&[], question, |metrics| view! { <Numbers metrics/> })}
    }
}

#[component]
fn Ranges(days: u32) -> impl IntoView {
    let link = |range: u32| {
        let current = (days == range).then_some("page");
        view! {
            <a href=format!("/metrics?days={range}") rel="external" aria-current=current>{format!("{range} days")}</a>
        }
    };
    view! { <nav class="ranges" aria-label="Time range">{RANGES.map(link).collect_view()}</nav> }
}

#[component]
fn Numbers(metrics: Metrics) -> impl IntoView {
    let Metrics {
        now,
        days,
        environments,
        definitions,
    } = metrics;
    let none = environments.is_empty();
    view! {
        <div class="bar">
            <p class="dim">{format!("The last {days} days, counted ")} <Time at=now/></p>
            <Ranges days/>
        </div>
        {none.then(|| view! {
            <EmptyState title="No environment yet">
                <p>"Apply a policy that names environments; their numbers appear here."</p>
            </EmptyState>
        })}
        <div class="metric-cards">
            {environments.into_iter().map(|numbers| view! { <Card numbers/> }).collect_view()}
        </div>
        <Section title="How the numbers are made">
            <ul class="policy">{definitions.into_iter().map(|line| view! { <li>{line}</li> }).collect_view()}</ul>
        </Section>
    }
}

/// Thousandths as a percentage with one digit after the point.
fn percentage(thousandths: u32) -> String {
    format!("{}.{} %", thousandths / 10, thousandths % 10)
}

#[component]
fn Card(numbers: EnvironmentMetrics) -> impl IntoView {
    let EnvironmentMetrics {
        environment,
        deployments,
        failure_rate,
        failures,
        lead_time_median,
        lead_time_p90,
        lead_time_n,
        weeks,
        sentence,
    } = numbers;
    let commits = format!("n = {lead_time_n} commits");
    view! {
        <section class="metric-card">
            <h2 class=line_class(&environment)>
                <a href=format!("/environments/{}", encode(&environment))>{environment.clone()}</a>
            </h2>
            <dl class="figures">
                <Figure name="Deployments" value=Some(deployments.to_string()) of="came to rest".to_owned()/>
                <Figure name="Failure rate" value=failure_rate.map(percentage) of=format!("{failures} of n = {deployments}")/>
                <Figure name="Lead time, median" value=lead_time_median.map(duration_text) of=commits.clone()/>
                <Figure name="Lead time, 90th percentile" value=lead_time_p90.map(duration_text) of=commits/>
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
