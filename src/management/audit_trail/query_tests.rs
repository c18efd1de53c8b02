//! That every search is answered by indexes, and finds what it should.

use std::collections::BTreeSet;

use super::entry::AuditEntry;
use super::filter::AuditFilter;
use super::query::statements;
use super::{Order, forward, list, own};
use crate::http::Params;
use crate::management::cursor::{Cursor, PageRequest};
use crate::management::window::WINDOW;
use crate::store::database::{Database, Statement};
use crate::store::memory::Memory;

/// So many entries: every seventh is about `usr_7`, every third of `app_3`, one in ten is a sign-in, all by `usr_a`.
fn filled(count: u32) -> Memory {
    let memory = Memory::default();
    memory.database.run(&format!(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})
         INSERT INTO audit (id, at, event, actor_type, actor_id, client_id, user_id, target_type, target_id, request_id)
         SELECT 'evt_' || i, 1000000000000 + i * 1000, CASE i % 10 WHEN 0 THEN 'session.started' ELSE 'app.settings_changed' END,
                'user', 'usr_a', CASE i % 3 WHEN 0 THEN 'app_3' END, CASE i % 7 WHEN 0 THEN 'usr_7' END, 'app',
                'app_' || i, 'req_' || i FROM n"
    ));
    memory
}

fn filter(query: &str) -> AuditFilter {
    AuditFilter::parse(&Params::parse(query.as_bytes()).unwrap()).unwrap()
}

fn first_page(size: u32) -> PageRequest {
    PageRequest { after: None, size }
}

fn all(memory: &Memory, query: &str) -> Vec<AuditEntry> {
    let (filter, mut page, mut found) = (filter(query), first_page(50), Vec::new());
    loop {
        let next = pollster::block_on(list(memory, &filter, &page)).unwrap();
        found.extend(next.items);
        match next.next {
            Some(after) => page.after = Some(after),
            None => return found,
        }
    }
}

/// Every search that the console can make: each parameter or none, alone and with others.
fn searches() -> Vec<String> {
    let times = [
        "",
        "&from=2001-09-09T01:50:00Z",
        "&to=2001-09-09",
        "&from=2001-09-09&to=2001-09-09T02:10:00Z",
    ];
    let fields = [
        "event=session.",
        "event=app.s",
        "event=nothing",
        "event=",
        "actor=usr_a",
        "client_id=app_3",
        "user_id=usr_7",
        "developer_id=dev_x",
        "target=app_70",
        "search=usr_7",
    ];
    let mut searches = Vec::new();
    for one in fields {
        for other in fields {
            for time in times {
                let (one_name, other_name) = (one.split('=').next(), other.split('=').next());
                if one_name != other_name {
                    searches.push(format!("{one}&{other}{time}"));
                }
            }
        }
        searches.extend(times.map(|time| format!("{one}{time}")));
    }
    searches
}

// Covers: R74
#[test]
fn every_search_finds_what_a_look_at_everything_finds() {
    let memory = filled(900);
    let everything = all(&memory, "");
    assert_eq!(everything.len(), 900);
    for query in searches() {
        let filter = filter(&query);
        let is = |wanted: &Option<String>, id: &Option<String>| wanted.is_none() || wanted == id;
        let fits = |entry: &&AuditEntry| {
            let ids = [&entry.user_id, &entry.client_id, &entry.actor_id];
            filter.event.as_ref().is_none_or(|event| entry.event.starts_with(event))
                && is(&filter.actor, &entry.actor_id)
                && is(&filter.client_id, &entry.client_id)
                && is(&filter.user_id, &entry.user_id)
                && is(&filter.developer_id, &entry.developer_id)
                && is(&filter.target, &Some(entry.target_id.clone()))
                && filter.search.as_ref().is_none_or(|id| ids.contains(&&Some(id.clone())))
                && filter.from.is_none_or(|from| entry.at >= from)
                && filter.to.is_none_or(|to| entry.at <= to)
        };
        let expected: Vec<i64> = everything.iter().filter(fits).map(|entry| entry.seq).collect();
        let found: Vec<i64> = all(&memory, &query).iter().map(|entry| entry.seq).collect();
        assert_eq!(found, expected, "{query}");
    }
}

// Covers: R74
#[test]
fn no_search_reads_the_table_from_end_to_end() {
    let memory = Memory::default();
    for query in searches() {
        for order in [Order::NewestFirst, Order::OldestFirst] {
            let after = Some(Cursor {
                order: 5,
                id: String::new(),
            });
            for statement in statements(&filter(&query), &PageRequest { after, size: 50 }, order) {
                for step in plan(&memory, statement) {
                    let goes_through = step.starts_with("SCAN audit") || step.starts_with("SCAN a ");
                    assert!(!goes_through, "{query}: {step}");
                    // Whatever names something is looked for by it, and not among all there is.
                    let among_all = step.starts_with("SEARCH audit USING INTEGER PRIMARY KEY (rowid<?)")
                        || step.starts_with("SEARCH audit USING INTEGER PRIMARY KEY (rowid>?");
                    assert!(!among_all || filter(&query) == times_of(&query), "{query}: {step}");
                }
            }
        }
    }
}

// Covers: R74
#[test]
fn a_users_own_part_is_found_by_their_index_and_no_more_is_looked_at_than_is_shown() {
    let memory = filled(3000);
    for after in [None, Some(1500)] {
        let after = after.map(|order| Cursor {
            order,
            id: String::new(),
        });
        let page = PageRequest { after, size: 50 };
        let [numbers, ..] = &statements(&AuditFilter::of_user("usr_7"), &page, Order::NewestFirst)[..] else {
            panic!("nothing is asked")
        };
        assert!(numbers.sql().contains("LIMIT 51"), "{}", numbers.sql());
        let steps = plan(&memory, numbers.clone());
        assert!(
            steps
                .iter()
                .any(|step| step.contains("audit_of_user (user_id=? AND rowid<?)")),
            "{steps:?}"
        );
    }
    let found = pollster::block_on(own::of_user(&memory, "usr_7", &first_page(50))).unwrap();
    assert_eq!(found.items.len(), 50);
    let strangers = pollster::block_on(own::of_user(&memory, "usr_8", &first_page(50))).unwrap();
    assert_eq!((strangers.items.len(), strangers.next), (0, None));
}

/// The filter without anything but its times.
fn times_of(query: &str) -> AuditFilter {
    let AuditFilter { from, to, .. } = filter(query);
    AuditFilter {
        from,
        to,
        ..AuditFilter::default()
    }
}

fn plan(memory: &Memory, statement: Statement) -> Vec<String> {
    let mut explained = Statement::new(format!("EXPLAIN QUERY PLAN {}", statement.sql()));
    for value in statement.values() {
        explained = explained.bound(value.clone());
    }
    let found = pollster::block_on(memory.read(vec![explained])).unwrap();
    let steps = found
        .raw(0)
        .iter()
        .map(|row| row["detail"].as_str().unwrap().to_owned());
    steps.collect()
}

#[test]
fn a_search_for_what_is_rare_looks_at_some_thousand_entries_and_goes_on_from_there() {
    let memory = filled(WINDOW * 2 + 100);
    let page = |after| {
        let asked = PageRequest { after, size: 50 };
        pollster::block_on(list(&memory, &filter("actor=usr_a&target=app_7&event=app."), &asked)).unwrap()
    };
    // Found by its target, at once.
    assert_eq!(page(None).items.len(), 1);
    let rare = filter("actor=usr_a&client_id=app_nothing&event=session.");
    let asked = first_page(50);
    assert_eq!(pollster::block_on(list(&memory, &rare, &asked)).unwrap().next, None);
    let of_all = filter("actor=usr_a&event=nothing");
    let first = pollster::block_on(list(&memory, &of_all, &asked)).unwrap();
    assert!(first.items.is_empty());
    let next = first.next.unwrap();
    assert_eq!(next.order, i64::from(WINDOW) + 101);
}

#[test]
fn an_export_goes_forward_from_a_number_and_nothing_comes_twice() {
    let memory = filled(230);
    let (mut after, mut seen) = (0, BTreeSet::new());
    loop {
        let page = pollster::block_on(forward(&memory, &filter("event=session."), after, 7)).unwrap();
        assert!(page.items.is_sorted_by_key(|entry| entry.seq));
        for entry in &page.items {
            assert!(seen.insert(entry.seq));
        }
        match page.next {
            Some(next) => after = next.order,
            None => break,
        }
    }
    assert_eq!(seen.len(), 23);
}
