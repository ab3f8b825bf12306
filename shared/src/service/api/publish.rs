//! `publish` and `broadcast` of a server, and what an idempotency key promises.
//!
//! Where the channel has a history, a publication with a key takes a place first, then notes key
//! and place, then puts the publication there, hands it out, and notes that. A request that finds
//! the key closes the place that is noted, by the same condition as readers close holes: either the
//! publication stands there, and is handed out unless that was done; or nobody can put it there any
//! more, and the request takes another place and notes that. So of all places only one is ever
//! filled, and what was told as accepted is in the history.
//!
//! Without a history there is nothing to look at afterwards: the key is noted before the
//! publication is handed out, which happens once at most.

use futures_util::stream::{self, StreamExt};

use crate::model::Mark;
use crate::protocol::ErrorCode;
use crate::protocol::reply::Place;
use crate::protocol::server::{Answer, Broadcast, Payload, Published, Response};
use crate::service::Failure;
use crate::service::frame::{FrameCallbacks, Request};
use crate::service::history::Track;
use crate::service::publish::{Accepted, accept_of_server};
use crate::telemetry::FrameRecord;

use super::{AT_ONCE, Api, ApiStore, add, told};

/// Channels that one broadcast may name.
const MAX_CHANNELS: usize = 1000;

/// Bytes of an idempotency key.
const MAX_KEY: usize = 256;

/// How often requests with one key may get in each other's way.
const ATTEMPTS: u32 = 3;

/// What a key has led to.
enum Found {
    /// The publication stands there; handed out or not.
    There(Place, Mark),
    /// It is noted there, and may be put there.
    Noted(Place, Mark),
}

impl<S: ApiStore, C: FrameCallbacks> Api<'_, S, C> {
    /// Publishes to one channel.
    pub(super) async fn publish(
        &self,
        part: (usize, usize),
        channel: &str,
        payload: &Payload,
        record: &mut FrameRecord,
    ) -> Result<Published, Failure> {
        let accepted = accept_of_server(self.settings, channel, payload)?;
        let request = self.part(part, String::new().into());
        let key = payload.idempotency_key.as_deref().filter(|key| !key.is_empty());
        if key.is_some_and(|key| key.len() > MAX_KEY) {
            let cause = format!("an idempotency key has {MAX_KEY} bytes at most");
            return Err(Failure::command(ErrorCode::LimitExceeded, cause));
        }
        let place = match (accepted.retention, key) {
            (Some(retention), key) => {
                let message = request.message.as_str();
                let track = Track { channel: &accepted.channel, retention, message, clock: self.clock };
                match key {
                    Some(key) => return self.publish_once(&request, &accepted, &track, key, record).await,
                    None => Some(track.append(self.store, accepted.kept()).await?),
                }
            }
            (None, Some(key)) => match self.first(&request, &accepted, key).await? {
                Some(first) => return Ok(Published { place: place_of(&first) }),
                None => None,
            },
            (None, None) => None,
        };
        self.frames().hand_out(&request, &accepted, place.clone(), record).await?;
        Ok(Published { place })
    }

    /// Publishes the same to many channels, each with its own outcome.
    pub(super) async fn broadcast(
        &self,
        number: usize,
        call: &Broadcast,
        record: &mut FrameRecord,
    ) -> Result<Answer, Failure> {
        if call.channels.is_empty() {
            return Err(Failure::command(ErrorCode::BadRequest, "a broadcast needs channels"));
        }
        if call.channels.len() > MAX_CHANNELS {
            return Err(Failure::command(
                ErrorCode::LimitExceeded,
                format!("more than {MAX_CHANNELS} channels"),
            ));
        }
        let mut outcomes = stream::iter(call.channels.iter().enumerate())
            .map(|(part, channel)| async move {
                let mut record = FrameRecord::default();
                let published = self.publish((number, part), channel, &call.payload, &mut record).await;
                let response = match published {
                    Ok(published) => Response::Result(published),
                    Err(failure) => Response::Error(told(&failure, &mut record)),
                };
                (response, record)
            })
            .buffered(AT_ONCE);
        let mut responses = Vec::with_capacity(call.channels.len());
        while let Some((response, part)) = outcomes.next().await {
            responses.push(response);
            add(record, part);
        }
        Ok(Answer::Broadcast { responses })
    }

    /// Notes a key of a channel without a history; gives what another request has noted before.
    async fn first(
        &self,
        request: &Request,
        accepted: &Accepted<'_>,
        key: &str,
    ) -> Result<Option<Mark>, Failure> {
        let now_s = self.clock.now_s();
        let mark = Mark::begun(request.message.clone(), None, now_s);
        let there = self.store.remember(&accepted.channel, key, &mark, now_s).await?;
        Ok(Some(there).filter(|there| there.owner != mark.owner))
    }

    /// Publishes to a channel with a history, once for all requests with this key.
    async fn publish_once(
        &self,
        request: &Request,
        accepted: &Accepted<'_>,
        track: &Track<'_>,
        key: &str,
        record: &mut FrameRecord,
    ) -> Result<Published, Failure> {
        let mut known = self.store.remembered(track.channel, key, self.clock.now_s()).await?;
        if known.as_ref().is_some_and(|mark| mark.place.is_none()) {
            // It was published while the namespace had no history.
            return Ok(Published { place: None });
        }
        for _ in 0..ATTEMPTS {
            let (place, mark) = match self.place(track, key, known).await? {
                Found::There(place, mark) => (place, mark),
                Found::Noted(place, mark) => {
                    if !track.fill(self.store, &place, Some(accepted.kept())).await? {
                        known = self.store.remembered(track.channel, key, self.clock.now_s()).await?;
                        continue;
                    }
                    (place, mark)
                }
            };
            if !mark.done {
                self.frames().hand_out(request, accepted, Some(place.clone()), record).await?;
                let done = Mark { done: true, ..mark.clone() };
                if let Err(error) = self.store.change(track.channel, key, &mark, &done).await {
                    // Another request with the key will hand it out once more.
                    tracing::warn!(%error, "a publication with a key could not be noted as handed out");
                }
            }
            return Ok(Published { place: Some(place) });
        }
        Err(Failure::command(ErrorCode::Internal, "others publish with the same key at the same time"))
    }

    /// Where the publication with the key stands, or may be put by this request.
    async fn place(&self, track: &Track<'_>, key: &str, known: Option<Mark>) -> Result<Found, Failure> {
        let before = match known {
            Some(mark) => match self.look(track, mark).await? {
                Ok(filled) => return Ok(filled),
                Err(closed) => Some(closed),
            },
            None => None,
        };
        let own = track.reserve(self.store).await?;
        let (now_s, at) = (self.clock.now_s(), Some((own.epoch.clone(), own.offset)));
        let mark = Mark::begun(track.message.to_owned(), at, now_s);
        let there = match &before {
            None => Some(self.store.remember(track.channel, key, &mark, now_s).await?),
            Some(before) => self.store.change(track.channel, key, before, &mark).await?,
        };
        match there {
            Some(there) if (&there.owner, &there.place) == (&mark.owner, &mark.place) => {
                Ok(Found::Noted(own, there))
            }
            there => {
                // Not left to readers: in an ordered channel others would wait for it.
                track.fill(self.store, &own, None).await?;
                match there {
                    Some(mark) => match self.look(track, mark).await? {
                        Ok(filled) => Ok(filled),
                        Err(_) => Err(busy()),
                    },
                    None => Err(busy()),
                }
            }
        }
    }

    /// What stands at the place of a key that is known; the key again when that place is closed now.
    async fn look(&self, track: &Track<'_>, mark: Mark) -> Result<Result<Found, Mark>, Failure> {
        let Some(place) = place_of(&mark) else { return Ok(Err(mark)) };
        if mark.done || !track.fill(self.store, &place, None).await? {
            return Ok(Ok(Found::There(place, mark)));
        }
        Ok(Err(mark))
    }
}

fn place_of(mark: &Mark) -> Option<Place> {
    mark.place.clone().map(|(epoch, offset)| Place { epoch, offset })
}

fn busy() -> Failure {
    Failure::command(ErrorCode::Internal, "another request with the same key is at work")
}
