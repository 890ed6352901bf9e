//! Hints that a record is worth a look.

use tokio::sync::mpsc;

/// Tells the driver of this process that something about a record may have changed. A hint is never needed for correctness: all
/// records are looked at every few minutes.
#[derive(Clone, Debug)]
pub struct Hints(mpsc::UnboundedSender<String>);

/// The driver's end of [`Hints`].
#[derive(Debug)]
pub struct Hinted(pub(super) mpsc::UnboundedReceiver<String>);

/// Both ends. The programs without a driver drop the second.
pub fn hints() -> (Hints, Hinted) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (Hints(sender), Hinted(receiver))
}

impl Hints {
    /// Look at the record of this name soon.
    pub fn wake(&self, name: &str) {
        // Nobody listens when the driver has ended: then nothing is to be done.
        let _ = self.0.send(name.to_owned());
    }
}
