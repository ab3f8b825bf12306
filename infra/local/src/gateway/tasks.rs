//! Tasks that the gateway waits for when it stops.

use tokio::sync::watch;

/// Counts the tasks that run.
#[derive(Debug)]
pub(crate) struct Tasks {
    running: watch::Sender<usize>,
}

impl Default for Tasks {
    fn default() -> Self {
        Self { running: watch::Sender::new(0) }
    }
}

impl Tasks {
    /// Starts a task and counts it until it ends, however it ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.running.send_modify(|running| *running += 1);
        let counted = Counted(self.running.clone());
        tokio::spawn(async move {
            let _counted = counted;
            task.await;
        });
    }

    /// Waits until no task runs.
    pub(crate) async fn finished(&self) {
        // An error would say that the sender is gone, and it is right here.
        let _ = self.running.subscribe().wait_for(|running| *running == 0).await;
    }
}

struct Counted(watch::Sender<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|running| *running = running.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn waits_for_every_task_even_one_that_panics() {
        let tasks = Tasks::default();
        let (release, held) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn(async { panic!("a task that fails") });
        tasks.spawn(async move {
            let _ = held.await;
        });
        let mut finished = Box::pin(tasks.finished());
        assert!(futures_util::poll!(&mut finished).is_pending());
        drop(release);
        finished.await;
    }
}
