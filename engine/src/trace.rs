//! The named points where something durable changes: tests enumerate them and crash at each, servers count them.

use std::{fmt, future::Future, str::FromStr};

use sandbind_core::lifecycle::effect::Change;

/// One kind of durable write. Its name ([`fmt::Display`]) is stable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Point {
    /// An admission makes a record.
    CreateRecord,
    /// An admission writes its reservations.
    Reserve,
    /// The snapshot Secret of a round.
    StoreSnapshot,
    /// Other delete steps in the snapshot Secret.
    OverrideDelete,
    /// The pod of a run.
    Launch,
    /// An agent's claim in the record.
    Claim,
    /// Outputs and log of an attempt.
    StoreAttempt,
    /// The end of an attempt in the record.
    Settle,
    /// The pod of a run that is over goes.
    Reap,
    /// Outputs of a refresh become the current ones.
    AdoptRefresh,
    /// The tenant's Secret.
    Deliver,
    /// The tenant's Secret goes.
    Withdraw,
    /// A change of the record by the driver.
    Commit(Change),
    /// The ledger entry of a forgotten resource.
    Ledger,
    /// The record goes.
    Remove,
}

impl Point {
    /// All points.
    pub const ALL: [Self; 27] = [
        Self::CreateRecord,
        Self::Reserve,
        Self::StoreSnapshot,
        Self::OverrideDelete,
        Self::Launch,
        Self::Claim,
        Self::StoreAttempt,
        Self::Settle,
        Self::Reap,
        Self::AdoptRefresh,
        Self::Deliver,
        Self::Withdraw,
        Self::Ledger,
        Self::Remove,
        Self::Commit(Change::Pinned),
        Self::Commit(Change::Ready),
        Self::Commit(Change::Undoing),
        Self::Commit(Change::Failed),
        Self::Commit(Change::NextRound),
        Self::Commit(Change::Deleting),
        Self::Commit(Change::AttemptOver),
        Self::Commit(Change::RefreshStarted),
        Self::Commit(Change::Refreshed),
        Self::Commit(Change::Delivered),
        Self::Commit(Change::Pruned),
        Self::Commit(Change::Ordered),
        Self::Commit(Change::Noted),
    ];

    /// The point of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|point| point.to_string() == name)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CreateRecord => "create-record",
            Self::Reserve => "reserve",
            Self::StoreSnapshot => "store-snapshot",
            Self::OverrideDelete => "override-delete",
            Self::Launch => "launch",
            Self::Claim => "claim",
            Self::StoreAttempt => "store-attempt",
            Self::Settle => "settle",
            Self::Reap => "reap",
            Self::AdoptRefresh => "adopt-refresh",
            Self::Deliver => "deliver",
            Self::Withdraw => "withdraw",
            Self::Ledger => "ledger",
            Self::Remove => "remove",
            Self::Commit(change) => match change {
                Change::Pinned => "commit-pinned",
                Change::Ready => "commit-ready",
                Change::Undoing => "commit-undoing",
                Change::Failed => "commit-failed",
                Change::NextRound => "commit-next-round",
                Change::Deleting => "commit-deleting",
                Change::AttemptOver => "commit-attempt-over",
                Change::RefreshStarted => "commit-refresh-started",
                Change::Refreshed => "commit-refreshed",
                Change::Delivered => "commit-delivered",
                Change::Pruned => "commit-pruned",
                Change::Ordered => "commit-ordered",
                Change::Noted => "commit-noted",
            },
        })
    }
}

/// Which side of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// It is about to be asked for.
    Before,
    /// It succeeded, and nobody has acted on that yet.
    After,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "before",
            Self::After => "after",
        })
    }
}

/// Sides of write points at which a test lets a program end abruptly, each once: `before:POINT` and `after:POINT`, parted by commas.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Moments(Vec<(Side, Point)>);

impl Moments {
    /// Those that are left when one of them is reached; `None` when this is none of them.
    pub fn reached(&self, side: Side, point: Point) -> Option<Self> {
        let mut rest = self.0.clone();
        rest.remove(self.0.iter().position(|moment| *moment == (side, point))?);
        Some(Self(rest))
    }
}

impl fmt::Display for Moments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (side, point)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{side}:{point}")?;
        }
        Ok(())
    }
}

/// The text names no side of a write point.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not `before:` or `after:` and the name of a write point")]
pub struct NotAMoment(String);

impl FromStr for Moments {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let moment = |text: &str| {
            let bad = || NotAMoment(text.to_owned());
            let (side, point) = text.split_once(':').ok_or_else(bad)?;
            let side = match side {
                "before" => Side::Before,
                "after" => Side::After,
                _ => return Err(bad()),
            };
            Ok((side, Point::named(point).ok_or_else(bad)?))
        };
        text.split(',').filter(|part| !part.is_empty()).map(moment).collect::<Result<_, _>>().map(Self)
    }
}

/// Sees every durable write from both sides.
pub trait Tracer: Send + Sync {
    /// A write of the named record is at this point. The writer goes on when this resolves; it may be dropped instead.
    fn reach(&self, side: Side, point: Point, record: &str) -> impl Future<Output = ()> + Send;
}

/// Sees nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Untraced;

impl Tracer for Untraced {
    async fn reach(&self, _side: Side, _point: Point, _record: &str) {}
}

/// A write with both sides of its point. After an error there is no second side: whether it happened is not known.
pub(crate) async fn at<T, E>(
    tracer: &impl Tracer,
    point: Point,
    record: &str,
    write: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, E> {
    tracer.reach(Side::Before, point, record).await;
    let done = write.await?;
    tracer.reach(Side::After, point, record).await;
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_point_is_found_by_its_name_and_no_two_share_one() {
        for point in Point::ALL {
            assert_eq!(Point::named(&point.to_string()), Some(point));
        }
        assert_eq!(Point::named("nothing"), None);
    }

    #[test]
    fn each_moment_is_reached_once_and_what_is_left_can_be_said() {
        let moments: Moments = "before:launch,after:commit-ready,before:launch".parse().unwrap();
        assert_eq!(moments.reached(Side::After, Point::Launch), None);
        let rest = moments.reached(Side::Before, Point::Launch).unwrap();
        assert_eq!(rest.to_string(), "after:commit-ready,before:launch");
        assert_eq!("".parse::<Moments>().unwrap(), Moments::default());
        for bad in ["launch", "at:launch", "after:lunch"] {
            assert!(bad.parse::<Moments>().is_err(), "{bad}");
        }
    }
}
