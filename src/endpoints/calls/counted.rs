//! What calls add to the usage of apps.

use super::check::About;
use crate::context::Context;
use crate::guard::judge::Allowed;
use crate::guard::refusal::Refusal;
use crate::oauth::client::App;
use crate::oauth::scope::Scopes;
use crate::usage::Call;

/// Notes what was decided about a call. `app`: whose token it showed, if it showed one of ours. Whoever forwards the call
/// adds what the API answered (`Noted::answered`).
pub fn note<S>(context: &Context<'_, S>, about: &About, app: Option<&App>, judged: &Result<Option<Allowed>, Refusal>) {
    let (api, route) = (about.api.id.as_str(), about.route.as_deref());
    let method = if about.is_preflight {
        "OPTIONS"
    } else {
        about.method.as_str()
    };
    let call = match (judged, app) {
        (Ok(Some(allowed)), Some(app)) => Call::allowed(api, method, route, &about.needed).by(app, Some(allowed)),
        // Anybody may call this: nothing of a token was used, whatever was shown.
        (Ok(_), _) => Call::allowed(api, method, route, &Scopes::default()),
        (Err(refusal), Some(app)) => Call::refused(api, method, route, refusal).by(app, None),
        (Err(refusal), None) => Call::refused(api, method, route, refusal),
    };
    context.log.usage().call(call);
}
