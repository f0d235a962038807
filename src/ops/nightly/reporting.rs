//! A nightly's last step: its report, in all forms, beside its record and where people look for it.

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use super::{Done, project_of};
use crate::diag::Failure;
use crate::ops::night_report::{self, NightReportError};
use crate::ops::session::Session;
use crate::path::HostPath;
use crate::project::Place;
use crate::report::nightly;
use crate::store::{ReportForm, Store};

/// Writes the report of a nightly into the store, and into `folder` and the folder that its set names, which are made where they
/// are missing. Gives its text.
///
/// # Errors
/// Where it cannot be written; it is then in the places before.
pub fn report(done: &Done, place: Place<'_>, store: &Store, folder: Option<&HostPath>) -> Result<String, Failure> {
    let project = place.open()?;
    let found = night_report::find(&project, store, Some(done.set.as_str()), Some(done.night.number))?;
    let session = place.open().and_then(Session::of);
    let page = night_report::page(&project, session.as_ref(), store, found);
    let text = nightly::text(&page);
    let forms = ReportForm::ALL.map(|form| {
        let text = match form {
            ReportForm::Html => nightly::html(&page),
            ReportForm::Text => text.clone(),
            ReportForm::Json => nightly::json(&page),
        };
        (form, text)
    });
    for (form, text) in &forms {
        store.keep_night_report(&project_of(&project), &done.set, (done.night.number, *form), text)?;
    }
    let of_set = done.settings.report.as_ref().map(|folder| project.path.join(folder));
    for folder in of_set.iter().chain(folder) {
        let made = Dir::create_ambient_dir_all(folder.as_path(), ambient_authority());
        made.map_err(|source| NightReportError::File { path: folder.clone(), source })?;
        for (form, text) in &forms {
            night_report::write(&folder.join(form.file()), text)?;
        }
    }
    Ok(text)
}
