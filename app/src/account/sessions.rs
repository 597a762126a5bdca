//! `/sessions`: where the reader is logged in, and a way to end each.

use leptos::prelude::*;

use super::{LoadSessions, RevokeSession, SessionView};
use crate::deployment::Choice;
use crate::text::Tone;
use crate::ui::{Act, ActionButton, ActionNote, Badge, DataTable, PageHead, Time, loaded};
use crate::wire::{Question, ask};

/// The sessions page.
#[component]
pub fn SessionsPage() -> impl IntoView {
    let revoke = Act::new::<RevokeSession>();
    let sessions = ask(move || Question::new(LoadSessions {}).at(revoke.answered()));
    view! {
        <PageHead title="Your sessions" />
        <p class="dim">
            "Every browser you are logged in with. End one that you do not know, and log in anew if it was this one."
        </p>
        <p><ActionNote act=revoke /></p>
        {loaded(
            sessions,
            move |sessions: Vec<SessionView>| {
                let rows = sessions
                    .into_iter()
                    .map(|session| view! { <SessionRow session revoke /> })
                    .collect_view();
                view! {
                    <DataTable caption="Your sessions">
                        <thead>
                            <tr>
                                <th scope="col">"Browser"</th>
                                <th scope="col">"Began"</th>
                                <th scope="col">"Last used"</th>
                                <th scope="col">"Ends by itself"</th>
                                <th scope="col"><span class="unseen">"End it"</span></th>
                            </tr>
                        </thead>
                        <tbody>{rows}</tbody>
                    </DataTable>
                }
            },
        )}
    }
}

#[component]
fn SessionRow(session: SessionView, revoke: Act) -> impl IntoView {
    let SessionView {
        id,
        browser,
        created_at,
        seen_at,
        expires_at,
        current,
    } = session;
    let choice = Choice {
        label: "End session".to_owned(),
        why_not: None,
    };
    view! {
        <tr>
            <th scope="row">
                {browser} " " {current.then(|| view! { <Badge tone=Tone::Active word="This one" /> })}
            </th>
            <td data-label="began"><Time at=created_at /></td>
            <td data-label="last used"><Time at=seen_at /></td>
            <td data-label="ends by itself"><Time at=expires_at /></td>
            <td><ActionButton act=revoke choice hidden=vec![("session", id)] /></td>
        </tr>
    }
}
