use proptest::prelude::*;

use super::*;

fn code(user_agent: &str) -> Option<String> {
    Device::of(user_agent).map(Device::code)
}

fn assert_all(expected: Option<&str>, user_agents: &[&str]) {
    for user_agent in user_agents {
        assert_eq!(code(user_agent).as_deref(), expected, "{user_agent}");
    }
}

#[test]
fn a_browser_is_told_from_those_it_also_names() {
    for (expected, user_agent) in [
        (
            "edge/windows",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Edg/120.0.0.0",
        ),
        (
            "edge/windows",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/70.0.3538.102 Safari/537.36 Edge/18.19582",
        ),
        (
            "edge/android",
            "Mozilla/5.0 (Linux; Android 10; HD1913) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.144 Mobile Safari/537.36 EdgA/120.0.2210.115",
        ),
        (
            "edge/ios",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 EdgiOS/120.0.2210.116 Mobile/15E148 Safari/605.1.15",
        ),
        (
            "opera/macos",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_2_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 OPR/106.0.0.0",
        ),
        (
            "opera/android",
            "Mozilla/5.0 (Linux; Android 10; VOG-L29) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.144 Mobile Safari/537.36 OPR/76.2.4027.73374",
        ),
        (
            "opera/android",
            "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16",
        ),
        (
            "opera/ios",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 16_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.3 Mobile/15E148 Safari/604.1 OPT/3.4.0",
        ),
        (
            "samsung/android",
            "Mozilla/5.0 (Linux; Android 14; SAMSUNG SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/23.0 Chrome/115.0.0.0 Mobile Safari/537.36",
        ),
        (
            "chrome/windows",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        ),
        (
            "chrome/android",
            "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
        ),
        (
            "chrome/android",
            "Mozilla/5.0 (Linux; Android 11; CUBOT X50) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/96.0.4664.45 Mobile Safari/537.36",
        ),
        (
            "chrome/chromeos",
            "Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
        ),
        (
            "chrome/ios",
            "Mozilla/5.0 (iPad; CPU OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/120.0.6099.119 Mobile/15E148 Safari/604.1",
        ),
        (
            "chrome/linux",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/131.0.0.0 Safari/537.36",
        ),
        (
            "firefox/linux",
            "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0",
        ),
        (
            "firefox/windows",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:121.0) Gecko/20100101 Firefox/121.0",
        ),
        (
            "firefox/android",
            "Mozilla/5.0 (Android 14; Mobile; rv:121.0) Gecko/121.0 Firefox/121.0",
        ),
        (
            "firefox/ios",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 14_2_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/121.0 Mobile/15E148 Safari/605.1.15",
        ),
        (
            "safari/macos",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 14_2_1) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Safari/605.1.15",
        ),
        (
            "safari/ios",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.2 Mobile/15E148 Safari/604.1",
        ),
    ] {
        assert_all(Some(expected), &[user_agent]);
    }
}

#[test]
fn a_tablet_that_asks_for_desktop_pages_is_still_a_tablet_where_its_browser_tells() {
    assert_all(
        Some("firefox/ios"),
        &[
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:121.0) AppleWebKit/605.1.15 (KHTML, like Gecko) FxiOS/121.0 Safari/605.1.15",
        ],
    );
}

#[test]
fn an_app_with_a_browser_built_in_is_known_by_its_system_alone() {
    assert_all(
        Some("other/macos"),
        &[
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Slack/4.35.131 Chrome/120.0.6099.56 Electron/28.0.0 Safari/537.36",
        ],
    );
    assert_all(
        Some("other/linux"),
        &[
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Code/1.85.1 Chrome/114.0.5735.289 Electron/25.9.7 Safari/537.36",
        ],
    );
    assert_all(
        Some("other/android"),
        &[
            "Mozilla/5.0 (Linux; Android 13; Pixel 7 Build/TQ3A.230901.001; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0.6099.144 Mobile Safari/537.36",
            "Mozilla/5.0 (Linux; Android 13; SM-A536B Build/TP1A.220624.014) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/119.0.6045.193 Mobile Safari/537.36[FBAN/EMA;FBLC/de_DE;FBAV/384.0.0.11.107;]",
            "Dalvik/2.1.0 (Linux; U; Android 9; ANE-LX1 Build/HUAWEIANE-L21)",
        ],
    );
    assert_all(
        Some("other/ios"),
        &[
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_1_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 Instagram 311.0.0.24.109 (iPhone15,3; iOS 17_1_2; de_DE; de; scale=3.00; 1290x2796; 541635890)",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/296.0 Mobile/15E148 Safari/604.1",
        ],
    );
}

#[test]
fn a_browser_that_is_not_known_here_is_not_taken_for_the_one_it_is_made_from() {
    assert_all(
        Some("other/windows"),
        &[
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36 Vivaldi/6.5.3206.48",
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/118.0.5993.731 YaBrowser/23.11.1.731 Safari/537.36",
            "Mozilla/5.0 (Windows NT 10.0; rv:102.0) Gecko/20100101 Firefox/102.0 SeaMonkey/2.53.17",
            "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko",
            "Mozilla/5.0 (compatible; MSIE 10.0; Windows NT 6.2; Trident/6.0)",
        ],
    );
    assert_all(
        Some("other/macos"),
        &[
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4 Safari/605.1.15 Ddg/17.4",
        ],
    );
    // Android's own browser of old, and another engine on Linux: neither is Safari.
    assert_all(
        Some("other/android"),
        &[
            "Mozilla/5.0 (Linux; U; Android 4.0.3; de-de; Galaxy S II) AppleWebKit/534.30 (KHTML, like Gecko) Version/4.0 Mobile Safari/534.30",
        ],
    );
    assert_all(
        Some("other/linux"),
        &["Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15"],
    );
    assert_all(
        Some("firefox/other"),
        &["Mozilla/5.0 (X11; FreeBSD amd64; rv:121.0) Gecko/20100101 Firefox/121.0"],
    );
}

#[test]
fn crawlers_and_other_programs_are_no_device() {
    assert_all(
        None,
        &[
            "",
            " ",
            "curl/8.4.0",
            "Wget/1.21.3 (linux-gnu)",
            "python-requests/2.31.0",
            "PostmanRuntime/7.36.0",
            "okhttp/4.12.0",
            "Go-http-client/2.0",
            "node",
            "Acme/7 CFNetwork/1490.0.4 Darwin/23.2.0",
            "Mozilla/5.0",
            "Chrome/120.0.0.0 Safari/537.36",
            "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
            "Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.6099.199 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_5) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/13.1.1 Safari/605.1.15 (Applebot/0.1; +http://www.apple.com/go/applebot)",
            "Mozilla/5.0 (Mobile; LYF/F120B; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5",
        ],
    );
}

#[test]
fn only_the_beginning_of_a_user_agent_is_read_and_never_half_a_letter() {
    let firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0";
    let padded = format!("{firefox}{}Edg/1", " ".repeat(MAX_READ));
    assert_all(Some("firefox/linux"), &[&padded]);
    assert_all(
        None,
        &[
            &"é".repeat(MAX_READ),
            &format!("x{}", "é".repeat(MAX_READ)),
            &"(".repeat(1 << 20),
        ],
    );
}

#[test]
fn a_stored_code_is_read_back_and_anything_else_is_none() {
    for code in ["firefox/linux", "samsung/android", "other/ios", "edge/other"] {
        assert_eq!(Device::from_code(code).map(Device::code).as_deref(), Some(code));
    }
    for code in [
        "",
        "/",
        "firefox",
        "firefox/",
        "/linux",
        "other/other",
        "Firefox/linux",
        "firefox/linux/1",
        "netscape/linux",
        "<b>/linux",
    ] {
        assert_eq!(Device::from_code(code), None, "{code}");
    }
}

#[test]
fn names_are_those_people_know() {
    let device = Device::from_code("samsung/macos").unwrap();
    assert_eq!(device.browser_name(), Some("Samsung Internet"));
    assert_eq!(device.system_name(), Some("macOS"));
    assert_eq!(Device::from_code("other/ios").unwrap().browser_name(), None);
    assert_eq!(Device::from_code("edge/other").unwrap().system_name(), None);
}

proptest! {
    #[test]
    fn any_text_at_all_is_recognised_or_not_and_what_is_stored_can_be_read(
        parts in prop::collection::vec(
            prop_oneof![
                "\\PC{0,20}",
                Just("Mozilla/5.0 ".to_owned()), Just("(".to_owned()), Just(")".to_owned()), Just("; wv".to_owned()),
                Just("Linux; ".to_owned()), Just("Windows; ".to_owned()), Just(" Firefox/1".to_owned()),
                Just(" OPR".to_owned()), Just("\u{0}\n".to_owned()),
            ],
            0..30,
        )
    ) {
        if let Some(device) = Device::of(&parts.concat()) {
            prop_assert_eq!(Device::from_code(&device.code()), Some(device));
            prop_assert!(device.code().len() <= 20);
        }
    }
}
