//! The end of a program: the first SIGTERM or SIGINT asks for it, a second one forces it.

use std::{future::Future, io};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

/// Tells everybody who holds a [`Shutdown`] to finish.
#[derive(Debug)]
pub struct Trigger(watch::Sender<bool>);

/// Whether the end has been asked for.
#[derive(Clone, Debug)]
pub struct Shutdown(watch::Receiver<bool>);

/// A connected pair.
pub fn channel() -> (Trigger, Shutdown) {
    let (sender, receiver) = watch::channel(false);
    (Trigger(sender), Shutdown(receiver))
}

impl Trigger {
    /// Asks for the end. Again: fine.
    pub fn start(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether the end has been asked for.
    pub fn is_started(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when the end is asked for, or when nobody is left who could ask.
    pub async fn started(&self) {
        let mut receiver = self.0.clone();
        let _nobody_left = receiver.wait_for(|started| *started).await;
    }
}

/// Runs a program until it is done. The first SIGTERM or SIGINT starts its shutdown; a second one drops it where it stands, which is
/// the answer `None`.
pub async fn run<F: Future>(program: impl FnOnce(Shutdown) -> F) -> io::Result<Option<F::Output>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (trigger, shutdown) = channel();
    let mut program = std::pin::pin!(program(shutdown));
    for again in [false, true] {
        tokio::select! {
            output = &mut program => return Ok(Some(output)),
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!(again, "asked to end");
        trigger.start();
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn everybody_hears_of_the_end_also_those_who_ask_later() {
        let (trigger, shutdown) = channel();
        assert!(!shutdown.is_started());
        let waiting = tokio::spawn({
            let shutdown = shutdown.clone();
            async move { shutdown.started().await }
        });
        trigger.start();
        waiting.await.unwrap();
        shutdown.started().await;
        assert!(shutdown.is_started());
    }

    #[tokio::test]
    async fn a_program_that_is_done_ends_the_run() {
        let output = run(|shutdown| async move { shutdown.is_started() }).await.unwrap();
        assert_eq!(output, Some(false));
    }
}
