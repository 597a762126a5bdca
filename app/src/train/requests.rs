//! `/approvals`: the trains that wait for somebody's word, the reader's own first.

use leptos::prelude::*;

use super::{ApprovalRequest, LoadApprovals};
use crate::ui::{EmptyState, PageHead, Section, Time, encode, line_class, still};
use crate::wire::Question;

/// The page.
#[component]
pub fn ApprovalsPage() -> impl IntoView {
    view! {
        <PageHead title="Approvals"/>
        {still(&["train"], || Question::new(LoadApprovals {}), |requests| view! { <Requests requests/> })}
    }
}

#[component]
fn Requests(requests: Vec<ApprovalRequest>) -> impl IntoView {
    if requests.is_empty() {
        return view! {
            <EmptyState title="Nothing waits for an approval">
                <p>"A sealed train of a line that asks for approvals appears here."</p>
            </EmptyState>
        }
        .into_any();
    }
    let (mine, others): (Vec<_>, Vec<_>) = requests.into_iter().partition(|request| request.mine);
    view! {
        <Section title="Waits for you" aside=mine.len().to_string()>
            {mine.is_empty().then(|| view! { <p class="dim">"Nothing waits for you."</p> })}
            <ul class="requests">{mine.into_iter().map(request_view).collect_view()}</ul>
        </Section>
        {(!others.is_empty()).then(|| view! {
            <Section title="Waits for others" aside=others.len().to_string()>
                <ul class="requests">{others.into_iter().map(request_view).collect_view()}</ul>
            </Section>
        })}
    }
    .into_any()
}

fn request_view(request: ApprovalRequest) -> impl IntoView {
    let href = format!("/trains/{}/{}", encode(&request.environment), request.number);
    let name = format!("{} #{}", request.environment, request.number);
    let button = request.mine.then(|| {
        view! { <a class="button primary" href=href.clone()>{format!("Review {name}")}</a> }
    });
    view! {
        <li class="request">
            <div>
                <p class="request-name">
                    <a href=href><span class=line_class(&request.environment)>{name}</span></a>
                    <span class="num">{request.progress}</span>
                </p>
                <p>{request.services.join(", ")}</p>
                <p class="dim">"Waits since " <Time at=request.since/></p>
                {request.why_not.map(|why| view! { <p class="why">{why}</p> })}
            </div>
            {button}
        </li>
    }
}
