//! What countries are called, as the platform knows it.

use worker::js_sys::{Array, Function, Object, Reflect, global};
use worker::wasm_bindgen::{JsCast, JsValue};

use super::stores::EdgeStores;
use crate::store::Countries;
use crate::words::Language;

impl Countries for EdgeStores {
    fn country_name(&self, code: &str, language: Language) -> Option<String> {
        name(code, language.tag()).ok()?.as_string()
    }
}

/// `new Intl.DisplayNames([tag], { type: "region", fallback: "none" }).of(code)`. It throws at what is no code.
fn name(code: &str, tag: &str) -> Result<JsValue, JsValue> {
    let intl = Reflect::get(&global(), &"Intl".into())?;
    let class: Function = Reflect::get(&intl, &"DisplayNames".into())?.dyn_into()?;
    let options = Object::new();
    Reflect::set(&options, &"type".into(), &"region".into())?;
    Reflect::set(&options, &"fallback".into(), &"none".into())?;
    let names = Reflect::construct(&class, &Array::of2(&Array::of1(&tag.into()), &options))?;
    let of: Function = Reflect::get(&names, &"of".into())?.dyn_into()?;
    of.call1(&names, &code.into())
}
