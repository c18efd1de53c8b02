//! What a device is called.

use crate::http::Device;
use crate::words::Catalogue;

/// A device as people know it: `Firefox on Linux`. `code`: as it was stored, if it was recognised.
pub fn device_name(code: Option<&str>, words: &Catalogue) -> String {
    let device = code.and_then(Device::from_code);
    let (browser, system) = (
        device.and_then(Device::browser_name),
        device.and_then(Device::system_name),
    );
    match (browser, system) {
        (Some(browser), Some(system)) => words.device_browser_on_system(&browser, &system).plain(),
        (Some(only), None) | (None, Some(only)) => only.to_owned(),
        (None, None) => words.device_unknown.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::Language;

    #[test]
    fn a_device_is_called_by_what_is_known_of_it() {
        let words = Language::ENGLISH.words();
        for (code, name) in [
            (Some("firefox/linux"), "Firefox on Linux"),
            (Some("samsung/other"), "Samsung Internet"),
            (Some("other/ios"), "iOS"),
            (Some("<b>/<i>"), "Unknown device"),
            (None, "Unknown device"),
        ] {
            assert_eq!(device_name(code, words), name);
        }
    }
}
