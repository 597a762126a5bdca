//! `/deliveries`: what forges and CI sent, and what each message did.

use leptos::prelude::*;

use super::{DeliveryPage, DeliveryView, LoadDeliveries};
use crate::ui::{DataTable, EmptyState, PageHead, Pagination, Time, badge, encode, still, use_query};
use crate::wire::Question;

/// The page.
#[component]
pub fn DeliveriesPage() -> impl IntoView {
    let query = use_query();
    let before = query.get_untracked().get("before");
    let first_page = before.is_none();
    let question = move || Question::new(LoadDeliveries { before });
    view! {
        <PageHead title="Webhook deliveries" crumbs=vec![("/builds".to_owned(), "Builds".to_owned())]/>
        {still(&["delivery"], question, move |page| view! { <Deliveries page first_page/> })}
    }
}

#[component]
fn Deliveries(page: DeliveryPage, first_page: bool) -> impl IntoView {
    if page.deliveries.is_empty() {
        return view! {
            <EmptyState title="Nothing was delivered">
                <p>"Give your forge the address /hooks/ and the name of a configured source. A ping shows up here."</p>
            </EmptyState>
        }
        .into_any();
    }
    let next = page
        .next
        .map(|before| format!("/deliveries?before={}", encode(&before)));
    let first = (!first_page).then(|| "/deliveries".to_owned());
    view! {
        <DataTable caption="Deliveries, newest first">
            <thead>
                <tr>
                    <th scope="col">"Event"</th>
                    <th scope="col">"Source"</th>
                    <th scope="col">"State"</th>
                    <th scope="col">"Effect"</th>
                    <th scope="col">"Received"</th>
                    <th scope="col">"Delivery"</th>
                </tr>
            </thead>
            <tbody>{page.deliveries.into_iter().map(row).collect_view()}</tbody>
        </DataTable>
        <Pagination first next/>
    }
    .into_any()
}

fn row(delivery: DeliveryView) -> impl IntoView {
    let short: String = delivery.delivery.chars().take(8).collect();
    let again = match delivery.repeats {
        0 => None,
        1 => Some("came once more".to_owned()),
        repeats => Some(format!("came {repeats} times more")),
    };
    view! {
        <tr>
            <th scope="row"><code>{delivery.event}</code></th>
            <td>{delivery.source}</td>
            <td>{badge(delivery.state)}</td>
            <td class="wide">{delivery.effect}</td>
            <td class="nowrap"><Time at=delivery.received_at/></td>
            <td>
                <code title=delivery.delivery>{short}</code>
                {again.map(|again| view! { <div class="dim">{again}</div> })}
            </td>
        </tr>
    }
}
