//! Reading the audit trail.

use super::people::platform;
use super::*;

const AUDIT: &str = "/api/admin/audit";

/// A platform on which some things happened: to an app of `dev_north` by one of its members, by an administrator and by
/// a user, and to a user.
fn eventful() -> Server {
    let server = platform();
    server.stores.database.run(
        "INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, user_id, target_type, target_id,
                            request_id, country, address_hash, detail) VALUES
         ('evt_1', 1000, 'app.edited', 'user', 'usr_alice', 'app_notes', 'dev_north', NULL, 'app', 'app_notes', 'req_1', 'SE', 'hash of alice', '{}'),
         ('evt_2', 2000, 'app.suspended', 'user', 'usr_ada', 'app_notes', 'dev_north', NULL, 'app', 'app_notes', 'req_2', 'US', 'hash of ada', '{\"reason\":\"fraud\"}'),
         ('evt_3', 3000, 'consent.ended', 'user', 'usr_dave', 'app_notes', 'dev_north', 'usr_dave', 'consent', 'cns_1', 'req_3', 'FR', 'hash of dave', '{}'),
         ('evt_4', 4000, 'refresh_token.reused', 'app', 'app_notes', 'app_notes', 'dev_north', 'usr_dave', 'family', 'fam_1', 'req_4', 'NL', 'hash', '{}'),
         ('evt_5', 5000, 'user.suspended', 'user', 'usr_ada', NULL, NULL, 'usr_dave', 'user', 'usr_dave', 'req_5', 'US', 'hash of ada', '{\"reason\":\"x\"}'),
         ('evt_6', 6000, 'session.started', 'user', 'usr_dave', NULL, NULL, 'usr_dave', 'session', 'ses_1', 'req_6', 'FR', 'hash of dave', '{}');",
    );
    server
}

fn events(reply: &Reply) -> Vec<String> {
    let body = json(reply);
    let items = body["items"].as_array().unwrap_or_else(|| panic!("{reply:?}"));
    items
        .iter()
        .map(|entry| entry["id"].as_str().unwrap().to_owned())
        .collect()
}

// Covers: R74
#[test]
fn nobody_but_an_administrator_reads_all_of_it() {
    let server = eventful();
    for target in [AUDIT, "/api/admin/audit.ndjson"] {
        for name in ["alice", "rita", "dave"] {
            assert_eq!(
                problem(&signed_in(&server, name).get(&server, target)).1,
                "forbidden",
                "{name}"
            );
        }
        assert_eq!(problem(&server.send(&get_request(target))).1, "unauthorized");
    }
    assert_eq!(signed_in(&server, "alice").get(&server, "/admin/audit").status, 403);
}

// Covers: R8, R74
#[test]
fn administrators_find_what_an_app_a_user_or_an_administrator_did() {
    let server = eventful();
    let mut ada = signed_in(&server, "ada");
    let mut found = |query: &str| events(&ada.get(&server, &format!("{AUDIT}?{query}")));
    assert_eq!(found("client_id=app_notes"), ["evt_4", "evt_3", "evt_2", "evt_1"]);
    assert_eq!(found("actor=usr_ada&event=app."), ["evt_2"]);
    assert_eq!(found("search=req_5"), ["evt_5"]);
    assert_eq!(found("search=usr_dave&event=consent"), ["evt_3"]);
    assert_eq!(
        found("user_id=usr_dave&from=1970-01-01T00:00:04Z&to=1970-01-01T00:00:05Z"),
        ["evt_5", "evt_4"]
    );
    assert_eq!(found("event=user.suspended&limit=1"), ["evt_5"]);
    assert!(found("developer_id=dev_south").is_empty());
    for bad in ["from=today", "limit=0", "cursor=x", "event=a&event=b"] {
        assert_eq!(problem(&ada.get(&server, &format!("{AUDIT}?{bad}"))).0, 400, "{bad}");
    }
}

// Covers: R74
#[test]
fn an_export_is_a_line_for_each_entry_and_leads_on() {
    let server = eventful();
    let mut ada = signed_in(&server, "ada");
    let first = ada.get(&server, "/api/admin/audit.ndjson?limit=4&client_id=app_notes");
    assert_eq!(first.header_value("Content-Type"), Some("application/x-ndjson"));
    assert_eq!(
        (first.body.to_string().lines().count(), first.header_value("Link")),
        (4, None)
    );
    let (mut target, mut seen) = ("/api/admin/audit.ndjson?limit=4".to_owned(), Vec::new());
    loop {
        let reply = ada.get(&server, &target);
        for line in reply.body.to_string().lines() {
            let entry: Value = serde_json::from_str(line).unwrap();
            seen.push(entry["id"].as_str().unwrap().to_owned());
        }
        match reply.header_value("Link") {
            Some(link) => {
                let address = link.strip_prefix(&format!("<{ISSUER}")).unwrap();
                target = address.split('>').next().unwrap().to_owned();
            }
            None => break,
        }
    }
    assert_eq!(seen, ["evt_1", "evt_2", "evt_3", "evt_4", "evt_5", "evt_6"]);
    for bad in ["limit=5001", "after=-1", "after=x", "after=1&after=2"] {
        let refused = ada.get(&server, &format!("/api/admin/audit.ndjson?{bad}"));
        assert_eq!(problem(&refused).0, 400, "{bad}");
    }
}

/// What `docs/audit.md` says to do: ask, follow `Link` to the end, and the next time ask for what came after the last line.
struct Exporter {
    lines: Vec<Value>,
    requests: usize,
}

impl Exporter {
    fn run(&mut self, server: &Server, browser: &mut Browser, query: &str, meanwhile: impl Fn(usize)) {
        let after = self.lines.last().map_or(0, |line| line["seq"].as_i64().unwrap());
        let mut next = Some(format!("/api/admin/audit.ndjson?after={after}{query}"));
        while let Some(target) = next {
            let reply = browser.get(server, &target);
            assert_eq!(reply.status, 200, "{reply:?}");
            let read = |line: &str| serde_json::from_str::<Value>(line).unwrap();
            self.lines.extend(reply.body.lines().map(read));
            meanwhile(self.requests);
            self.requests += 1;
            next = reply.header_value("Link").map(|link| {
                let address = link.strip_suffix(">; rel=\"next\"").unwrap();
                address.strip_prefix(&format!("<{ISSUER}")).unwrap().to_owned()
            });
        }
    }

    fn ids(&self) -> Vec<&str> {
        self.lines.iter().map(|line| line["id"].as_str().unwrap()).collect()
    }
}

// Covers: R74
#[test]
fn whoever_exports_as_the_document_says_gets_each_entry_exactly_once_also_what_comes_meanwhile() {
    let server = platform();
    let enter = |from: usize, to: usize| {
        server.stores.database.run(&format!(
            "WITH RECURSIVE n (i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to})
             INSERT INTO audit (id, at, event, actor_type, target_type, target_id)
             SELECT 'evt_' || i, 1000000 - i, CASE i % 5 WHEN 0 THEN 'scope.changed' ELSE 'api.changed' END, 'system', 'api', 'x' FROM n"
        ));
    };
    enter(1, 12_345);
    let mut ada = signed_in(&server, "ada");
    let mut exporter = Exporter {
        lines: Vec::new(),
        requests: 0,
    };
    exporter.run(&server, &mut ada, "", |request| {
        if request == 1 {
            enter(12_346, 12_400);
        }
    });
    assert_eq!(exporter.requests, 3);
    enter(12_401, 12_500);
    exporter.run(&server, &mut ada, "", |_| {});
    let all: Vec<String> = (1..=12_500).map(|i| format!("evt_{i}")).collect();
    assert_eq!(exporter.ids(), all);

    // Of what is rare among the rest, pages come up empty and lead on all the same.
    let mut of_scopes = Exporter {
        lines: Vec::new(),
        requests: 0,
    };
    let query = "&event=scope.&to=1970-01-01T00:16:29Z&limit=100";
    of_scopes.run(&server, &mut ada, query, |_| {});
    let expected: Vec<&String> = all
        .iter()
        .enumerate()
        .filter(|(at, _)| (at + 1) % 5 == 0)
        .map(|(_, id)| id)
        .collect();
    let found = of_scopes.ids();
    assert_eq!(
        found.len(),
        found.iter().collect::<std::collections::BTreeSet<_>>().len()
    );
    assert!(
        expected.ends_with(
            &found
                .iter()
                .map(|id| all.iter().find(|one| one == id).unwrap())
                .collect::<Vec<_>>()
        )
    );
    // `to`, at 989.999 seconds: those that happened by then, which are the later ones.
    assert_eq!(found.len(), (10_001..=12_500).filter(|i| i % 5 == 0).count());
}

// Covers: R74
#[test]
fn developers_read_what_happened_to_their_app_and_nothing_of_people_but_themselves() {
    let server = eventful();
    let target = "/api/developer/apps/app_notes/audit";
    let reply = signed_in(&server, "ben").get(&server, target);
    assert_eq!(events(&reply), ["evt_4", "evt_3", "evt_2", "evt_1"]);
    for hidden in ["usr_dave", "usr_ada", "hash", "FR", "country", "req_2", "req_3"] {
        assert!(!reply.body.contains(hidden), "{hidden}");
    }
    for shown in ["usr_alice", "req_1", "req_4", "fraud"] {
        assert!(reply.body.contains(shown), "{shown}");
    }
    for stranger in ["carol", "dave", "rita", "ada"] {
        let refused = signed_in(&server, stranger).get(&server, target);
        assert_eq!(problem(&refused).1, "not_found", "{stranger}");
    }
    assert_eq!(
        problem(&signed_in(&server, "ben").get(&server, "/api/developer/apps/app_x/audit")).1,
        "not_found"
    );
}

// Covers: R74
#[test]
fn developers_learn_neither_that_a_person_was_suspended_nor_which_consent_was_whose() {
    let server = eventful();
    server.stores.database.run(
        "INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, developer_id, user_id, target_type, target_id, detail) VALUES
         ('evt_7', 7000, 'consent.ended', 'system', NULL, 'app_notes', 'dev_north', 'usr_dave', 'consent', 'cns_dave', '{\"ended_by\":\"user_suspended\"}'),
         ('evt_8', 8000, 'refresh_token.reused', 'app', 'app_notes', 'app_notes', 'dev_north', 'usr_dave', 'family', 'fam_2', '{\"consent_id\":\"cns_dave\"}'),
         ('evt_9', 9000, 'refresh_token.reused', 'app', 'app_notes', 'app_notes', 'dev_north', 'usr_ben', 'family', 'fam_3', '{\"consent_id\":\"cns_ben\"}'),
         ('evt_10', 9500, 'refresh_token.reused', 'app', 'app_notes', 'app_notes', 'dev_north', NULL, 'family', 'fam_4', '{\"consent_id\":\"cns_dave\"}');",
    );
    let mut ben = signed_in(&server, "ben");
    for target in ["/api/developer/apps/app_notes/audit", "/developers/apps/app_notes/log"] {
        let reply = ben.get(&server, target);
        assert_eq!(reply.status, 200, "{target}");
        for hidden in ["user_suspended", "cns_dave", "usr_dave"] {
            assert!(!reply.body.contains(hidden), "{target} {hidden}");
        }
        for shown in ["ended_by", "operator", "cns_ben"] {
            assert!(reply.body.contains(shown), "{target} {shown}");
        }
    }
    let all = signed_in(&server, "ada").get(&server, AUDIT);
    assert!(all.body.contains("user_suspended") && all.body.contains("cns_dave"));
}

// Covers: R74
#[test]
fn the_page_finds_the_same_and_says_beside_the_field_what_is_wrong() {
    let server = eventful();
    let mut ada = signed_in(&server, "ada");
    let page = ada.get(&server, "/admin/audit?client_id=app_notes");
    assert!(
        page.body.contains("refresh_token.reused") && !page.body.contains("<code>user.suspended</code></th>"),
        "{page:?}"
    );
    assert!(page.body.contains("value=\"app_notes\""));
    let wrong = ada.get(&server, "/admin/audit?from=today");
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("id=\"from-error\""), "{wrong:?}");
    let first = ada.get(&server, "/admin/audit?event=&search=&limit=2");
    let next = first
        .body
        .split("rel=\"next\" href=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap()
        .replace("&#38;", "&");
    assert!(ada.get(&server, &next).body.contains("refresh_token.reused"), "{next}");
}
