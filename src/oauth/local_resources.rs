//! More names for an API, on this machine only: so that a server which somebody just started on a port of their own can
//! be tried behind Latchkey without a change to the catalogue.

use url::Url;

use super::resource::{is_resource, names_resource};
use crate::config::is_loopback_host;
use crate::http::Params;

/// The most names that are read.
const MOST: usize = 32;

/// Loopback addresses that stand for APIs of the catalogue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LocalResources(Vec<LocalResource>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct LocalResource {
    address: String,
    /// The resource indicator of the API in the catalogue.
    stands_for: String,
}

impl LocalResources {
    /// Reads `http://localhost:3000/mcp=https://mcp.example.com`, several with spaces between. `None`: one of them is
    /// no loopback address, stands for nothing, or is named twice.
    pub fn parse(text: &str) -> Option<Self> {
        let mut read: Vec<LocalResource> = Vec::new();
        for entry in text.split_ascii_whitespace() {
            let (address, stands_for) = entry.split_once('=')?;
            let is_local = Url::parse(address).is_ok_and(|url| {
                let http = matches!(url.scheme(), "http" | "https");
                http && url.query().is_none() && url.host_str().is_some_and(is_loopback_host)
            });
            let is_new = !read.iter().any(|other| names_resource(address, &other.address));
            let fits = is_local && is_resource(address) && is_resource(stands_for) && !stands_for.contains('=');
            if !fits || !is_new || read.len() == MOST {
                return None;
            }
            read.push(LocalResource {
                address: address.to_owned(),
                stands_for: stands_for.to_owned(),
            });
        }
        Some(Self(read))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a `resource` that somebody asked for is called in the catalogue.
    pub fn registered<'a>(&'a self, requested: &'a str) -> &'a str {
        let found = self.0.iter().find(|local| names_resource(requested, &local.address));
        found.map_or(requested, |local| &local.stands_for)
    }

    /// Parameters in which every `resource` is called what the catalogue calls it.
    pub fn in_catalogue(&self, params: Params) -> Params {
        match self.is_empty() {
            true => params,
            false => params.rewriting("resource", |requested| self.registered(requested).to_owned()),
        }
    }

    /// The audiences of a token for these APIs: whatever name a server on this machine goes by, the token is for it.
    pub fn audiences(&self, mut resources: Vec<String>) -> Vec<String> {
        for local in &self.0 {
            if resources.iter().any(|one| names_resource(one, &local.stands_for)) {
                resources.push(local.address.clone());
            }
        }
        resources
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "https://mcp.example.com";

    fn two() -> LocalResources {
        LocalResources::parse(&format!(
            "http://localhost:3000/mcp={API}\n http://127.0.0.1:3000={API}/  http://[::1]:4000=https://other.example"
        ))
        .unwrap()
    }

    #[test]
    fn a_local_address_stands_for_one_api_and_whatever_is_no_such_address_for_itself() {
        let local = two();
        assert_eq!(local.registered("http://localhost:3000/mcp"), API);
        assert_eq!(local.registered("HTTP://LOCALHOST:3000/mcp"), API);
        assert_eq!(local.registered("http://127.0.0.1:3000/"), format!("{API}/"));
        for itself in [
            API,
            "http://localhost:3000/mcp/",
            "http://localhost:3000",
            "http://localhost:3001/mcp",
            "nonsense",
            "",
        ] {
            assert_eq!(local.registered(itself), itself);
        }
    }

    #[test]
    fn a_token_for_an_api_is_for_every_local_address_of_it_and_of_no_other() {
        let local = two();
        assert_eq!(
            local.audiences(vec![API.into()]),
            [API, "http://localhost:3000/mcp", "http://127.0.0.1:3000"]
        );
        assert_eq!(
            local.audiences(vec!["https://other.example".into()]),
            ["https://other.example", "http://[::1]:4000"]
        );
        assert_eq!(local.audiences(vec!["https://third.example".into()]).len(), 1);
        assert_eq!(LocalResources::default().audiences(vec![API.into()]), [API]);
    }

    #[test]
    fn what_is_no_loopback_address_or_stands_for_nothing_is_refused() {
        assert!(LocalResources::parse(" ").unwrap().is_empty());
        for bad in [
            "http://localhost:3000/mcp",
            "http://localhost:3000/mcp=",
            "http://localhost:3000/mcp=api_one",
            "=https://mcp.example.com",
            "https://mcp.example.com=https://mcp.example.com",
            "http://localhost.example.com=https://mcp.example.com",
            "http://user@localhost:3000=https://mcp.example.com",
            "http://localhost:3000/?q=https://mcp.example.com",
            "http://localhost:3000#f=https://mcp.example.com",
            "ftp://localhost=https://mcp.example.com",
            "http://localhost:3000=https://mcp.example.com=https://other.example",
            "http://localhost:3000=https://a.example http://localhost:3000/=https://b.example",
            "http://localhost:3000=https://a.example,http://localhost:3001=https://b.example",
        ] {
            assert_eq!(LocalResources::parse(bad), None, "{bad}");
        }
        let many: String = (0..=MOST)
            .map(|port| format!("http://localhost:{}={API} ", 3000 + port))
            .collect();
        assert_eq!(LocalResources::parse(&many), None);
    }
}
