//! Builds the functions, with progress on standard error.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use local::programs::{self, BuildError, Profile, Programs, Progress};
use sam::App;

use crate::args::UpOptions;

/// Builds the functions of the template.
pub(super) async fn build(app: &App, options: &UpOptions) -> Result<Programs, BuildError> {
    let profile = if options.release { Profile::Release } else { Profile::Dev };
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {msg}  [{elapsed}]") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(Duration::from_millis(120));
    let outcome = programs::build(app, profile, &|progress| show(&bar, progress)).await;
    bar.finish_and_clear();
    outcome
}

fn show(bar: &ProgressBar, progress: Progress) {
    match progress {
        Progress::Started { binaries, .. } => bar.set_prefix(format!("Building {}", binaries.join(", "))),
        Progress::Compiling { package, done } => bar.set_message(format!("{package} ({done} done)")),
        // cargo says so even when nothing was to be done.
        Progress::Line(line) if line.trim_start().starts_with("Finished") => {}
        Progress::Line(line) => bar.suspend(|| {
            let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{line}\n"));
        }),
        Progress::Finished { .. } => bar.set_message(String::new()),
    }
}
