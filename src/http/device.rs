//! Which device a request came from, as far as its User-Agent says (RFC 9110 §10.1.5): enough for people to tell
//! their own devices apart. Nobody vouches for it, so nothing is decided by it.

/// How much of a User-Agent is read, in bytes. Those of apps with a browser built in are the longest, under 500.
const MAX_READ: usize = 1024;
/// Stands in a code for what was not recognised.
const UNRECOGNISED: &str = "other";

/// A browser and the system it runs on; at least one of the two is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    browser: Option<Browser>,
    system: Option<System>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Browser {
    Edge,
    Opera,
    Samsung,
    Chrome,
    Firefox,
    Safari,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    Windows,
    MacOs,
    Linux,
    Android,
    Ios,
    ChromeOs,
}

impl Device {
    /// Recognises a device. `None` for programs that are no browser, and for what is unknown altogether.
    pub fn of(user_agent: &str) -> Option<Self> {
        let read = user_agent.floor_char_boundary(MAX_READ);
        let user_agent = user_agent.get(..read).unwrap_or_default();
        // Crawlers dress as browsers and give the address of a page about themselves.
        if user_agent.contains("+http") {
            return None;
        }
        let (products, comment) = products_and_first_comment(user_agent);
        let system = System::of(comment, &products);
        // Apps with a browser built in: people know those by other names.
        let built_in = comment.split(';').any(|part| part.trim() == "wv");
        let browser = if built_in { None } else { Browser::of(&products, system) };
        Self::with(browser, system)
    }

    /// Reads a code that [`Device::code`] wrote.
    pub fn from_code(code: &str) -> Option<Self> {
        let (browser, system) = code.split_once('/')?;
        let browser = match browser {
            UNRECOGNISED => None,
            code => Some(*Browser::ALL.iter().find(|browser| browser.code() == code)?),
        };
        let system = match system {
            UNRECOGNISED => None,
            code => Some(*System::ALL.iter().find(|system| system.code() == code)?),
        };
        Self::with(browser, system)
    }

    /// How it is stored: `firefox/linux`, with `other` for what was not recognised.
    pub fn code(self) -> String {
        let browser = self.browser.map_or(UNRECOGNISED, Browser::code);
        let system = self.system.map_or(UNRECOGNISED, System::code);
        format!("{browser}/{system}")
    }

    /// The browser as people know it: `Firefox`. The same in every language.
    pub fn browser_name(self) -> Option<&'static str> {
        self.browser.map(|browser| match browser {
            Browser::Edge => "Edge",
            Browser::Opera => "Opera",
            Browser::Samsung => "Samsung Internet",
            Browser::Chrome => "Chrome",
            Browser::Firefox => "Firefox",
            Browser::Safari => "Safari",
        })
    }

    /// The operating system as people know it: `Linux`. The same in every language.
    pub fn system_name(self) -> Option<&'static str> {
        self.system.map(|system| match system {
            System::Windows => "Windows",
            System::MacOs => "macOS",
            System::Linux => "Linux",
            System::Android => "Android",
            System::Ios => "iOS",
            System::ChromeOs => "ChromeOS",
        })
    }

    fn with(browser: Option<Browser>, system: Option<System>) -> Option<Self> {
        (browser.is_some() || system.is_some()).then_some(Self { browser, system })
    }
}

impl Browser {
    const ALL: [Self; 6] = [
        Self::Edge,
        Self::Opera,
        Self::Samsung,
        Self::Chrome,
        Self::Firefox,
        Self::Safari,
    ];

    fn code(self) -> &'static str {
        match self {
            Self::Edge => "edge",
            Self::Opera => "opera",
            Self::Samsung => "samsung",
            Self::Chrome => "chrome",
            Self::Firefox => "firefox",
            Self::Safari => "safari",
        }
    }

    /// Every browser names those it descends from as well, so the rarest name decides; and one unknown name makes it
    /// a browser, or an app, that is not known here.
    fn of(products: &[&str], system: Option<System>) -> Option<Self> {
        let is_browser = matches!(products.first(), Some(&"Mozilla" | &"Opera"));
        if !is_browser || !products.iter().all(|product| is_known(product)) {
            return None;
        }
        let names = |own: &[&str]| products.iter().any(|product| own.contains(product));
        if names(&["Edg", "EdgA", "EdgiOS", "Edge"]) {
            Some(Self::Edge)
        } else if names(&["OPR", "OPT", "OPiOS", "Opera"]) {
            Some(Self::Opera)
        } else if names(&["SamsungBrowser"]) {
            Some(Self::Samsung)
        } else if names(&["Chrome", "Chromium", "HeadlessChrome", "CriOS"]) {
            Some(Self::Chrome)
        } else if names(&["Firefox", "FxiOS"]) {
            Some(Self::Firefox)
        } else if names(&["Safari"]) && names(&["Version"]) && matches!(system, Some(System::MacOs | System::Ios)) {
            Some(Self::Safari)
        } else {
            None
        }
    }
}

/// Whether a product's name is one that the browsers known here send.
fn is_known(product: &str) -> bool {
    const ENGINES: [&str; 9] = [
        "Mozilla",
        "AppleWebKit",
        "Gecko",
        "Presto",
        "Version",
        "Mobile",
        "Safari",
        "Chrome",
        "Chromium",
    ];
    const BROWSERS: [&str; 13] = [
        "Edg",
        "EdgA",
        "EdgiOS",
        "Edge",
        "OPR",
        "OPT",
        "OPiOS",
        "Opera",
        "SamsungBrowser",
        "HeadlessChrome",
        "CriOS",
        "Firefox",
        "FxiOS",
    ];
    ENGINES.contains(&product) || BROWSERS.contains(&product)
}

impl System {
    const ALL: [Self; 6] = [
        Self::Windows,
        Self::MacOs,
        Self::Linux,
        Self::Android,
        Self::Ios,
        Self::ChromeOs,
    ];

    fn code(self) -> &'static str {
        match self {
            Self::Windows => "windows",
            Self::MacOs => "macos",
            Self::Linux => "linux",
            Self::Android => "android",
            Self::Ios => "ios",
            Self::ChromeOs => "chromeos",
        }
    }

    fn of(comment: &str, products: &[&str]) -> Option<Self> {
        let names = |system: &str| comment.split(';').any(|part| part.trim().starts_with(system));
        // A tablet that asks for the desktop's pages calls itself a Macintosh; its browser's name tells.
        let on_a_tablet = products.iter().any(|product| product.ends_with("iOS"));
        if names("Windows") {
            Some(Self::Windows)
        } else if names("CrOS") {
            Some(Self::ChromeOs)
        } else if names("Android") {
            Some(Self::Android)
        } else if names("iPhone") || names("iPad") || names("iPod") || (names("Macintosh") && on_a_tablet) {
            Some(Self::Ios)
        } else if names("Macintosh") {
            Some(Self::MacOs)
        } else if names("Linux") {
            Some(Self::Linux)
        } else {
            None
        }
    }
}

/// The names of the products without their versions, and what the first pair of parentheses holds.
fn products_and_first_comment(user_agent: &str) -> (Vec<&str>, &str) {
    let mut products = Vec::new();
    let mut first_comment = None;
    let mut rest = user_agent;
    while let Some((before, after)) = rest.split_once('(') {
        products.extend(product_names(before));
        let (comment, behind) = split_at_closing(after);
        first_comment.get_or_insert(comment);
        rest = behind;
    }
    products.extend(product_names(rest));
    (products, first_comment.unwrap_or_default())
}

fn product_names(text: &str) -> impl Iterator<Item = &str> {
    // Some apps put their own names in brackets, right behind a version.
    text.split(|letter: char| letter.is_whitespace() || letter == '[')
        .filter(|product| !product.is_empty())
        .filter_map(|product| product.split('/').next())
}

/// A comment up to the parenthesis that closes it, and what comes after. Comments may hold comments.
fn split_at_closing(text: &str) -> (&str, &str) {
    let mut depth = 1_usize;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let (comment, closing) = text.split_at(at);
            return (comment, closing.strip_prefix(')').unwrap_or_default());
        }
    }
    (text, "")
}

#[cfg(test)]
mod tests;
