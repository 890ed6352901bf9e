//! When the installation's own certificates are made anew: one pass at a time, each small enough to be agreed on by a
//! compare-and-swap among several replicas.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long certificates live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// An authority. At least three leads, so that its successor is known before it ends. A leaf does not outlive it.
    pub authority: Duration,
    /// A server's certificate.
    pub leaf: Duration,
    /// An authority is trusted by everybody for this long before it signs its first leaf, and for this long after its last one was
    /// replaced.
    pub lead: Duration,
}

impl Default for Lifetimes {
    fn default() -> Self {
        let day = 86_400;
        Self {
            authority: Duration::from_secs(365 * day),
            leaf: Duration::from_secs(30 * day),
            lead: Duration::from_secs(300),
        }
    }
}

/// A certificate's place in time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// Random id of the authority that this is, or that signed this.
    pub authority: String,
    /// When it was made, by its maker's clock.
    pub since: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

impl Span {
    /// Whether two thirds of its life are over: time for the next.
    pub fn is_old(&self, now: Timestamp) -> bool {
        let life = self.until.duration_since(self.since);
        now.duration_since(self.since) * 3 >= life * 2
    }

    /// Whether it is of no use any more.
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.until
    }
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// The trusted authorities, the oldest first.
    pub authorities: Vec<Span>,
    /// The servers' certificates, which are made together.
    pub leaf: Option<Span>,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Make an authority and trust it.
    AddAuthority,
    /// Make the servers' certificates, signed by this authority.
    Issue {
        /// Its id.
        authority: String,
    },
    /// Trust this authority no longer.
    DropAuthority {
        /// Its id.
        authority: String,
    },
    /// Nothing.
    Rest,
}

/// What to do next. Repeated until [`Action::Rest`], it keeps servers certified and everybody trusting them, as long as it is asked
/// several times within each lead and each third of a life.
pub fn next(state: &State, lifetimes: &Lifetimes, now: Timestamp) -> Action {
    let live = || state.authorities.iter().filter(|authority| !authority.is_over(now));
    let Some(newest) = live().next_back() else { return Action::AddAuthority };
    if newest.is_old(now) {
        return Action::AddAuthority;
    }
    let known = |at: &Span| now.duration_since(at.since) >= signed(lifetimes.lead);
    let served = state
        .leaf
        .as_ref()
        .filter(|leaf| !leaf.is_over(now) && live().any(|one| one.authority == leaf.authority));
    if served.is_none_or(|leaf| leaf.is_old(now)) {
        // Without a certificate that works there is nothing to lose by not waiting.
        let signer = live().rfind(|authority| known(authority)).unwrap_or(newest);
        return Action::Issue { authority: signer.authority.clone() };
    }
    let spare = |authority: &&Span| {
        authority.is_over(now)
            || authority.authority != newest.authority
                && served.is_some_and(|leaf| authority.authority != leaf.authority && known(leaf))
    };
    match state.authorities.iter().find(spare) {
        Some(spare) => Action::DropAuthority { authority: spare.authority.clone() },
        None => Action::Rest,
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}

#[cfg(test)]
mod tests;
