//! `/api/v1/notices`: what people were told, and what became of it in each channel.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, response::Response};
use serde::Serialize;

use super::{
    Sources,
    api::{Time, list},
    query::Wanted,
};
use crate::model::{ChannelTrouble, DeliveryState, Heartbeat, Incident, IncidentView, NoticeView};

/// `/api/v1/notices`, by when they came about. A filter by program gives those that are about it.
pub(super) async fn notices(State(sources): State<Sources>, wanted: Wanted) -> Response {
    let published = Arc::clone(&sources.published.borrow());
    let notices = published.notices.iter().filter(|view| {
        let mut incidents = view.notice.incidents.iter();
        wanted.reaches(view.notice.time)
            && (wanted.takes_all() || incidents.any(|incident| wanted.is_of(incident)))
    });
    list("notices", notices.map(|view| Row::of(view)), wanted.limit)
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    time: Time,
    reason: &'static str,
    incidents: Vec<IncidentView<'a>>,
    /// The other channel that it is about, in place of incidents.
    channel: Option<&'a ChannelTrouble>,
    /// That supervigil watches, in place of incidents.
    heartbeat: Option<&'a Heartbeat>,
    deliveries: &'a BTreeMap<String, DeliveryState>,
}

impl<'a> Row<'a> {
    fn of(NoticeView { notice, deliveries }: &'a NoticeView) -> Self {
        Self {
            id: &notice.id.0,
            time: Time(notice.time),
            reason: notice.reason.name(),
            incidents: notice.incidents.iter().map(Incident::view).collect(),
            channel: notice.channel.as_deref(),
            heartbeat: notice.heartbeat.as_deref(),
            deliveries,
        }
    }
}
