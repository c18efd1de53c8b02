//! What the guard keeps per isolate.

use std::cell::RefCell;
use std::rc::Rc;

use super::{Statement, batch, rows};
use crate::edge::cache::Cache;
use crate::edge::stores::{EdgeStores, store_error};
use crate::edge::surroundings::now;
use crate::feed::copies::Copies;
use crate::guard::apis::{APIS, GuardedApis};
use crate::guard::identity::KnownIdentities;
use crate::store::{Guarding, StoreError};

thread_local! {
    static APIS_READ: Cache<GuardedApis> = const { Cache::new() };
    /// Those that were read last, however long ago: rules that have not changed are not read again.
    static KNOWN: RefCell<Rc<GuardedApis>> = RefCell::default();
    static COPIES: Rc<Copies> = Rc::default();
    static IDENTITIES: Rc<KnownIdentities> = Rc::default();
}

impl Guarding for EdgeStores {
    async fn guarded_apis(&self) -> Result<Rc<GuardedApis>, StoreError> {
        let read_at = now();
        // There is one list, so it needs no name.
        if let Some(apis) = APIS_READ.with(|cache| cache.get("", read_at)) {
            return Ok(apis);
        }
        let results = batch(&self.database()?, vec![Statement::new(APIS)]).await?;
        let known = KNOWN.with_borrow(Rc::clone);
        let apis = GuardedApis::read(rows(&results, 0)?, &self.config().issuer, Some(&known), |id| {
            store_error("apis", format!("{id} has rules or an upstream that cannot be read"));
        });
        let apis = Rc::new(apis);
        KNOWN.set(Rc::clone(&apis));
        APIS_READ.with(|cache| cache.put("", &apis, read_at));
        Ok(apis)
    }

    fn feed_copies(&self) -> Rc<Copies> {
        COPIES.with(Rc::clone)
    }

    fn known_identities(&self) -> Rc<KnownIdentities> {
        IDENTITIES.with(Rc::clone)
    }
}
